package org.diffusion4j.text;

import java.util.List;
import java.util.OptionalLong;
import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * A network whose input has more channels than its output, as a denoiser: the condition's pictures
 * are the channels behind those of the samples.
 */
final class WithPictures implements Denoiser {

  private final Denoiser network;
  private final int channels;

  /**
   * @param network takes {@code [n, channels + those of pictures, height, width]}
   * @param channels of a sample
   */
  WithPictures(Denoiser network, int channels) {
    this.network = network;
    this.channels = channels;
  }

  @Override
  public NoiseSchedule schedule() {
    return network.schedule();
  }

  @Override
  public long[] sampleShape() {
    long[] shape = network.sampleShape();
    shape[0] = channels;
    return shape;
  }

  @Override
  public Prediction prediction() {
    return network.prediction();
  }

  @Override
  public Condition.Takes takes() {
    return network.takes().withPictures((int) network.sampleShape()[0] - channels);
  }

  @Override
  public OptionalLong predictionBytes(int n) {
    return network.predictionBytes(n);
  }

  @Override
  public INDArray predict(INDArray xt, INDArray t, Condition condition) {
    INDArray pictures = condition.part(Condition.Pictures.class).orElseThrow().pictures();
    List<Condition> others =
        condition.parts().stream().filter(part -> !(part instanceof Condition.Pictures)).toList();
    try (INDArray input = Nd4j.concat(1, xt, pictures)) {
      return network.predict(input, t, Condition.several(others));
    }
  }
}
