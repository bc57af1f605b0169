package org.diffusion4j.micrometer;

import java.time.Duration;
import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Sampler;
import org.diffusion4j.SamplingCancelledException;
import org.diffusion4j.SamplingResult;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** A denoiser of vectors, and samplers that end in every way. */
final class Runs {

  static final NoiseSchedule SCHEDULE = NoiseSchedule.cosine(10);

  static final Denoiser MODEL =
      new Denoiser() {
        @Override
        public NoiseSchedule schedule() {
          return SCHEDULE;
        }

        @Override
        public long[] sampleShape() {
          return new long[] {2};
        }

        @Override
        public INDArray predict(INDArray xt, INDArray t, Condition condition) {
          return xt.dup();
        }
      };

  /** Calls the model three times. */
  static final Sampler COMPLETES =
      (model, request) -> {
        INDArray x = Nd4j.zeros(request.count(), 2);
        try (INDArray t = Nd4j.zeros(request.count())) {
          for (int i = 0; i < 3; i++) {
            model.predict(x, t, request.condition()).close();
          }
        }
        return new SamplingResult(x, 3, Duration.ofMillis(1));
      };

  static final Sampler FAILS =
      (model, request) -> {
        throw new IllegalArgumentException("steps must be in [1, 10] but was 11");
      };

  static final Sampler IS_CANCELLED =
      (model, request) -> {
        throw new SamplingCancelledException("sampling was cancelled at step 1", 0, null, null);
      };

  private Runs() {}
}
