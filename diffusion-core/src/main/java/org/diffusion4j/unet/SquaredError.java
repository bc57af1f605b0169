package org.diffusion4j.unet;

import org.nd4j.linalg.api.ndarray.INDArray;

/** The mean squared error to a target: DDPM (Ho et al. 2020), equation 14. */
final class SquaredError implements BatchLoss {

  private final INDArray target;

  SquaredError(INDArray target) {
    this.target = target;
  }

  @Override
  public OutputLoss bySample() {
    float[] aims = BatchLoss.floats(target);
    int length = Math.toIntExact(aims.length / target.size(0));
    float factor = 2f / aims.length;
    return (sample, output, gradient) -> {
      double sum = 0;
      for (int i = 0; i < length; i++) {
        float error = output[i] - aims[sample * length + i];
        sum += (double) error * error;
        gradient[i] = factor * error;
      }
      return sum / aims.length;
    };
  }

  @Override
  public double of(INDArray output, INDArray gradient) {
    output.sub(target, gradient);
    try (INDArray squares = gradient.mul(gradient)) {
      gradient.muli(2.0 / gradient.length());
      return squares.meanNumber().doubleValue();
    }
  }
}
