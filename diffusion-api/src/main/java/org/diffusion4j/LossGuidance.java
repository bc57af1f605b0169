package org.diffusion4j;

import java.util.Arrays;
import java.util.Objects;
import java.util.OptionalLong;
import org.diffusion4j.NoiseSchedule.Level;
import org.nd4j.linalg.api.ndarray.INDArray;

/** {@link Denoiser#guidedByLoss}: the logarithm of the probability is the negative loss. */
final class LossGuidance extends Guided {

  private final SampleLoss loss;

  LossGuidance(Denoiser model, SampleLoss loss, double scale) {
    super(model, scale);
    this.loss = Objects.requireNonNull(loss, "loss");
  }

  @Override
  float[] guided(INDArray xt, float[] times, INDArray t, Condition condition) {
    return model.isDifferentiable()
        ? exact(xt, times, t, condition)
        : withoutNetwork(xt, times, t, condition);
  }

  /** With the gradient through the network: one pass forward and one backward. */
  private float[] exact(INDArray xt, float[] times, INDArray t, Condition condition) {
    float[] x = values(xt);
    float[] output = new float[times.length * outputSize()];
    float[] slopes = new float[x.length];
    SampleLoss ofOutput =
        (i, prediction, slope) -> {
          Level level = level(times[i]);
          float[] ofX0 = new float[size];
          double value = loss.of(i, x0(x, i * size, prediction, level), ofX0);
          System.arraycopy(prediction, 0, output, i * outputSize(), outputSize());
          Arrays.fill(slope, 0);
          for (int k = 0; k < size; k++) {
            slope[k] = (float) (x0OfOutput(level) * ofX0[k]);
            slopes[i * size + k] = (float) (-x0OfX(level) * ofX0[k]);
          }
          return value;
        };
    float[] through = take(model.inputGradient(xt, t, condition, ofOutput), xt, x.length);
    for (int i = 0; i < times.length; i++) {
      for (int k = i * size; k < (i + 1) * size; k++) {
        slopes[k] -= through[k];
        requireFinite(slopes[k], i, times[i]);
      }
      move(output, i * outputSize(), level(times[i]), slopes, i * size);
    }
    return output;
  }

  /**
   * With {@code signal / (signal^2 + noise^2)} as the derivative of the clean samples with respect
   * to x_t. For standard normal data this is exact.
   */
  private float[] withoutNetwork(INDArray xt, float[] times, INDArray t, Condition condition) {
    float[] x = values(xt);
    float[] output = take(model.predict(xt, t, condition), xt, times.length * outputSize());
    for (int i = 0; i < times.length; i++) {
      Level level = level(times[i]);
      float[] prediction = Arrays.copyOfRange(output, i * outputSize(), (i + 1) * outputSize());
      float[] slope = new float[size];
      loss.of(i, x0(x, i * size, prediction, level), slope);
      for (int k = 0; k < slope.length; k++) {
        slope[k] *= (float) (-level.signal() / (level.scale() * level.scale()));
        requireFinite(slope[k], i, times[i]);
      }
      move(output, i * outputSize(), level, slope, 0);
    }
    return output;
  }

  private static void requireFinite(float slope, int sample, float t) {
    if (!Float.isFinite(slope)) {
      throw notFinite("gradient of the loss", sample, t);
    }
  }

  /** The clean sample {@code a x + b output}. */
  private float[] x0(float[] x, int start, float[] output, Level level) {
    float[] x0 = new float[size];
    for (int k = 0; k < x0.length; k++) {
      x0[k] = (float) (x0OfX(level) * x[start + k] + x0OfOutput(level) * output[k]);
    }
    return x0;
  }

  /** The factor of x_t in the clean sample: {@link Prediction#x0}. */
  private double x0OfX(Level level) {
    return prediction().ofEpsilon(level) / prediction().determinant(level);
  }

  /** The factor of the output in the clean sample. */
  private double x0OfOutput(Level level) {
    return -level.noise() / prediction().determinant(level);
  }

  @Override
  OptionalLong modelBytes(int n) {
    return model.isDifferentiable() ? model.inputGradientBytes(n) : super.modelBytes(n);
  }
}
