package org.diffusion4j.engine.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.ShrinkingMode;
import net.jqwik.api.constraints.IntRange;
import org.diffusion4j.engine.graph.Call;
import org.diffusion4j.engine.graph.GroupNorm;
import org.diffusion4j.engine.graph.Load;
import org.diffusion4j.engine.graph.Node;
import org.diffusion4j.engine.graph.Program;
import org.diffusion4j.engine.graph.Value;
import org.diffusion4j.engine.graph.Weights;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Its gradient is compared with SameDiff's in {@code PlanGroupNormTest}. */
class GroupNormTest {

  private static final double EPS = 1e-5;

  private static float[] gaussian(Random random, int length, double mean, double deviation) {
    float[] values = new float[length];
    for (int i = 0; i < length; i++) {
      values[i] = (float) (mean + deviation * random.nextGaussian());
    }
    return values;
  }

  @Property(tries = 60, seed = "1", shrinking = ShrinkingMode.OFF)
  void run_ofAnySizes_isWhatDoublesGive(
      @ForAll @IntRange(min = 1, max = 3) int batch,
      @ForAll @IntRange(min = 1, max = 5) int groups,
      @ForAll @IntRange(min = 1, max = 7) int grouped,
      @ForAll @IntRange(min = 2, max = 30) int height,
      @ForAll @IntRange(min = 1, max = 30) int width,
      @ForAll boolean biased,
      @ForAll boolean scaled,
      @ForAll boolean silu,
      @ForAll Random random) {
    int channels = groups * grouped;
    int pixels = height * width;
    float[] x = gaussian(random, batch * channels * pixels, random.nextInt(10), 2);
    float[] gamma = gaussian(random, channels, 1, 0.5);
    float[] beta = gaussian(random, channels, 0, 0.5);
    float @Nullable [] bias = biased ? gaussian(random, batch * channels, 0, 1) : null;
    float @Nullable [] scale = scaled ? gaussian(random, batch * channels, 1, 0.5) : null;
    float @Nullable [] shift = scaled ? gaussian(random, batch * channels, 0, 0.5) : null;

    List<Node> nodes = new ArrayList<>();
    List<INDArray> given = new ArrayList<>();
    Value image = given(nodes, given, "x", x, batch, channels, height, width);
    Map<String, INDArray> weights = new LinkedHashMap<>();
    weights.put("gamma", Nd4j.createFromArray(gamma));
    weights.put("beta", Nd4j.createFromArray(beta));
    GroupNorm.Inputs inputs =
        new GroupNorm.Inputs(
            image,
            bias == null ? null : given(nodes, given, "bias", bias, batch, channels),
            Value.weight("gamma", DataType.FLOAT, channels),
            Value.weight("beta", DataType.FLOAT, channels),
            scale == null ? null : given(nodes, given, "scale", scale, batch, channels),
            shift == null ? null : given(nodes, given, "shift", shift, batch, channels));
    Value y = Value.activation("y", batch, channels, height, width);
    nodes.add(GroupNorm.of(inputs, groups, EPS, silu, y));
    float[] actual = run(nodes, given, y, new Weights(weights, Map.of()));

    for (int n = 0; n < batch; n++) {
      for (int g = 0; g < groups; g++) {
        double[] moments = moments(x, bias, n, g, grouped, channels, pixels);
        for (int c = g * grouped; c < (g + 1) * grouped; c++) {
          for (int p = 0; p < pixels; p++) {
            int at = (n * pixels + p) * channels + c;
            double z = x[at] + (bias == null ? 0 : bias[n * channels + c]);
            z = (z - moments[0]) / Math.sqrt(moments[1] + EPS) * gamma[c] + beta[c];
            if (scale != null && shift != null) {
              z = z * scale[n * channels + c] + shift[n * channels + c];
            }
            double expected = silu ? z / (1 + Math.exp(-z)) : z;
            assertThat(Math.abs(actual[at] - expected)).isLessThan(1e-5 * (1 + Math.abs(z)));
          }
        }
      }
    }
  }

  /** A value that is loaded from the caller, in the order in which the kernel reads memory. */
  private static Value given(
      List<Node> nodes, List<INDArray> given, String name, float[] numbers, long... shape) {
    Value value = Value.plain(name, DataType.FLOAT, shape);
    nodes.add(new Load(given.size(), value));
    given.add(Nd4j.createFromArray(numbers));
    return value;
  }

  private static float[] run(
      List<Node> nodes, List<INDArray> given, Value result, Weights weights) {
    try (CpuEngine engine = CpuEngine.of(weights).orElseThrow();
        Program program = engine.compile(nodes, given.size(), false);
        CpuWorkspace workspace = (CpuWorkspace) program.workspace()) {
      for (int i = 0; i < given.size(); i++) {
        workspace.caller(i, Address.of(given.get(i)));
      }
      workspace.run(Call.FORWARD, 0);
      float[] numbers = new float[Math.toIntExact(result.length())];
      workspace.floats(result).get(0, numbers);
      return numbers;
    }
  }

  /** Mean and variance of one group of one sample, of values with their channels last. */
  private static double[] moments(
      float[] x, float @Nullable [] bias, int n, int g, int grouped, int channels, int pixels) {
    double mean = 0;
    double square = 0;
    double count = (double) grouped * pixels;
    for (int pass = 0; pass < 2; pass++) {
      for (int p = 0; p < pixels; p++) {
        for (int c = g * grouped; c < (g + 1) * grouped; c++) {
          double value = x[(n * pixels + p) * channels + c];
          value += bias == null ? 0 : bias[n * channels + c];
          mean += pass == 0 ? value / count : 0;
          square += pass == 1 ? (value - mean) * (value - mean) / count : 0;
        }
      }
    }
    return new double[] {mean, square};
  }
}
