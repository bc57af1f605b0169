package org.diffusion4j.text;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.diffusion4j.internal.common.Detached;
import org.diffusion4j.internal.common.Shown;
import org.diffusion4j.internal.nn.Layers;
import org.diffusion4j.text.LoraLayer.Matrix;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Trained low-rank paths beside dense layers: {@code y + x A B} (Hu et al. 2021, equation 3, with
 * alpha = rank). A starts with random values, B with zeros, so that nothing changes at first.
 */
final class LowRankPaths implements Layers.Adapter {

  private static final String A = ".lora_A.weight";
  private static final String B = ".lora_B.weight";
  private static final String WEIGHT = ".weight";

  private final List<String> modules;
  private final int rank;
  private final SplittableRandom random;
  private final Map<String, SDVariable[]> paths = new LinkedHashMap<>();

  /**
   * @param modules the ends of the names of layers that get a path
   */
  LowRankPaths(List<String> modules, int rank, long seed) {
    if (rank < 1) {
      throw new IllegalArgumentException("rank must be at least 1 but was " + rank);
    }
    this.modules = modules;
    this.rank = rank;
    random = new SplittableRandom(seed);
  }

  /**
   * Checks the rank, before memory is taken.
   *
   * @param shapes of the models' weights by name
   * @throws IllegalArgumentException if a layer has fewer inputs or outputs than the rank
   */
  void require(Map<String, long[]> shapes) {
    shapes.forEach(
        (name, shape) -> {
          if (shape.length == 2 && isAdapted(name) && Math.min(shape[0], shape[1]) < rank) {
            throw new IllegalArgumentException(
                "rank must be at most "
                    + Math.min(shape[0], shape[1])
                    + ", the least width of "
                    + Shown.text(name)
                    + ", but was "
                    + rank);
          }
        });
  }

  /** Whether a layer gets a path, by its name or that of its weight. */
  private boolean isAdapted(String name) {
    String layer =
        name.endsWith(WEIGHT) ? name.substring(0, name.length() - WEIGHT.length()) : name;
    return modules.stream().anyMatch(module -> layer.endsWith("." + module));
  }

  static boolean isPath(String weight) {
    return weight.endsWith(A) || weight.endsWith(B);
  }

  @Override
  public SDVariable adapt(String name, SDVariable x, SDVariable y, int in, int out) {
    if (!isAdapted(name)) {
      return y;
    }
    SDVariable[] path = paths.get(name);
    if (path == null) {
      path =
          new SDVariable[] {
            x.getSameDiff().var(name + A, uniform(in)),
            x.getSameDiff()
                .var(name + B, Nd4j.create(new float[Math.multiplyExact(rank, out)], rank, out))
          };
      paths.put(name, path);
    }
    return y.add(x.mmul(path[0]).mmul(path[1]));
  }

  private INDArray uniform(int in) {
    double bound = 1 / Math.sqrt(in);
    float[] values = new float[Math.multiplyExact(in, rank)];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (bound * (2 * random.nextDouble() - 1));
    }
    return Nd4j.create(values, in, rank);
  }

  /**
   * @throws IllegalArgumentException if a module's name matched no layer
   */
  void requireAll() {
    for (String module : modules) {
      if (paths.keySet().stream().noneMatch(name -> name.endsWith("." + module))) {
        throw new IllegalArgumentException(
            "modules must each be the end of a dense layer's name but none ends with "
                + Shown.text(module));
      }
    }
  }

  /** The matrices as a LoRA, copied. */
  Lora lora() {
    return Detached.get(this::copied);
  }

  private Lora copied() {
    Map<String, Map<String, LoraLayer>> parts = new TreeMap<>();
    paths.forEach(
        (name, path) -> {
          int dot = name.indexOf('.');
          Matrix down = transposed(path[0].getArr());
          Matrix up = transposed(path[1].getArr());
          parts
              .computeIfAbsent(name.substring(0, dot), part -> new TreeMap<>())
              .put(name.substring(dot + 1), new LoraLayer(down, up, rank));
        });
    return new Lora(parts);
  }

  private static Matrix transposed(INDArray array) {
    try (INDArray copy = array.permute(1, 0).dup('c')) {
      return new Matrix(copy.data().asFloat(), copy.shape());
    }
  }
}
