package org.diffusion4j;

import java.util.Arrays;
import java.util.Objects;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** {@link Denoiser#guidedByClassifier}. */
final class ClassifierGuidance extends Guided {

  private final Gradient gradient;

  ClassifierGuidance(Denoiser model, Gradient gradient, double scale) {
    super(model, scale);
    this.gradient = Objects.requireNonNull(gradient, "gradient");
  }

  @Override
  float[] guided(INDArray xt, float[] times, INDArray t, Condition condition) {
    float[] slopes;
    try (INDArray slope = gradient.of(xt, t, condition)) {
      requireFits(slope, xt);
      slopes = values(slope);
    }
    float[] output = take(model.predict(xt, t, condition), xt, times.length * outputSize());
    for (int i = 0; i < times.length; i++) {
      for (int k = i * size; k < (i + 1) * size; k++) {
        if (!Float.isFinite(slopes[k])) {
          throw notFinite("guidance gradient", i, times[i]);
        }
      }
      move(output, i * outputSize(), level(times[i]), slopes, i * size);
    }
    return output;
  }

  private static void requireFits(INDArray slope, INDArray xt) {
    if (slope == null
        || slope.wasClosed()
        || slope.dataType() != DataType.FLOAT
        || !Arrays.equals(slope.shape(), xt.shape())) {
      throw new SamplingException(
          "guidance gradient must be FLOAT "
              + Arrays.toString(xt.shape())
              + " but was "
              + (slope == null
                  ? "null"
                  : slope.wasClosed()
                      ? "closed"
                      : slope.dataType() + " " + Arrays.toString(slope.shape())));
    }
  }
}
