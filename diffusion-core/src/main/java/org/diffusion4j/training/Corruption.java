package org.diffusion4j.training;

import org.diffusion4j.ForwardProcess;
import org.diffusion4j.NoiseSource;
import org.nd4j.linalg.api.ndarray.INDArray;

/** How clean samples are made noisy in training. Temporary. */
@FunctionalInterface
public interface Corruption {

  record Noisy(INDArray xt, INDArray noise) implements AutoCloseable {
    @Override
    public void close() {
      xt.close();
      noise.close();
    }
  }

  Noisy apply(ForwardProcess process, INDArray x0, int[] t, NoiseSource.Batch noise);

  static Corruption standard() {
    return (process, x0, t, noise) -> {
      INDArray drawn = noise.next(x0.shape());
      return new Noisy(process.noisy(x0, drawn, t), drawn);
    };
  }
}
