package org.diffusion4j.samplers;

import java.util.OptionalLong;
import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/**
 * The exact denoiser of a mixture whose components are classes: a sample with label k is of
 * component k, one without a label of the mixture.
 */
record ClassMixtureDenoiser(MixtureDenoiser mixture) implements Denoiser {

  /** The denoiser of a class alone, or of the mixture. */
  MixtureDenoiser ofLabel(int label) {
    if (label == Condition.UNLABELLED) {
      return mixture;
    }
    return new MixtureDenoiser(
        mixture.schedule(),
        mixture.prediction(),
        new double[][] {mixture.means()[label]},
        new double[] {mixture.deviations()[label]},
        new double[] {1});
  }

  @Override
  public NoiseSchedule schedule() {
    return mixture.schedule();
  }

  @Override
  public long[] sampleShape() {
    return mixture.sampleShape();
  }

  @Override
  public Prediction prediction() {
    return mixture.prediction();
  }

  /** It says that a sample takes a kilobyte. */
  @Override
  public OptionalLong predictionBytes(int n) {
    return OptionalLong.of(1024L * n);
  }

  @Override
  public INDArray predict(INDArray xt, INDArray t, Condition condition) {
    int n = (int) xt.size(0);
    condition.requireCount(n);
    int[] labels =
        condition.isNone() ? Condition.label(Condition.UNLABELLED, n).labels() : condition.labels();
    float[] output = new float[(int) xt.length()];
    int length = output.length / n;
    for (int i = 0; i < n; i++) {
      INDArray one = xt.get(NDArrayIndex.interval(i, i + 1));
      INDArray time = Nd4j.createFromArray(t.getFloat(i));
      try (INDArray y = ofLabel(labels[i]).predict(one, time, Condition.none())) {
        System.arraycopy(Values.of(y), 0, output, i * length, length);
      }
      time.close();
    }
    return Nd4j.create(output, xt.shape(), 'c');
  }
}
