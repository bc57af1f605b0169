package org.diffusion4j.unet;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.enums.WeightsFormat;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.impl.layers.convolution.config.Conv2DConfig;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Convolutions of many channels whose result is added to another's: oneDNN adds up the channels in
 * several rounds.
 */
class PlanConvolutionSumTest {

  private static final int SIDE = 8;

  @ParameterizedTest
  @ValueSource(ints = {16, 384, 512})
  void output_ofASumOfTwoConvolutions_isThatOfTheSession(int channels) {
    try (PlanAndSession both = new PlanAndSession(() -> graph(channels), 1)) {
      Map<String, INDArray> inputs = new LinkedHashMap<>();
      inputs.put("sample", PlanAndSession.gaussian(new Random(1), 2, channels, SIDE, SIDE));
      inputs.put("timestep", PlanAndSession.times(new Random(1), 2));
      both.compareOutputs(inputs, 2, channels, SIDE, SIDE);
    }
  }

  private static SameDiff graph(int channels) {
    SameDiff sd = SameDiff.create();
    SDVariable x = sd.placeHolder("sample", DataType.FLOAT, -1, channels, SIDE, SIDE);
    sd.placeHolder("timestep", DataType.FLOAT, -1, 1);
    SDVariable shortcut = convolution(sd, "shortcut", x, channels, 1);
    SDVariable sum = shortcut.add(convolution(sd, "y", x, channels, 3));
    sd.identity("output", sum);
    return sd;
  }

  private static SDVariable convolution(
      SameDiff sd, String name, SDVariable x, int channels, int kernel) {
    INDArray w = PlanAndSession.gaussian(new Random(2), kernel, kernel, channels, channels);
    Conv2DConfig config =
        Conv2DConfig.builder()
            .kH(kernel)
            .kW(kernel)
            .sH(1)
            .sW(1)
            .pH(kernel / 2)
            .pW(kernel / 2)
            .dataFormat("NCHW")
            .weightsFormat(WeightsFormat.YXIO)
            .build();
    SDVariable weight = sd.var(name + ".weight", w.muli(1 / Math.sqrt(channels * kernel * kernel)));
    SDVariable bias = sd.var(name + ".bias", Nd4j.zeros(DataType.FLOAT, channels));
    return sd.cnn().conv2d(x, weight, bias, config);
  }
}
