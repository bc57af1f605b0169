package org.diffusion4j.spring;

import java.util.function.IntSupplier;
import org.diffusion4j.Denoiser;
import org.diffusion4j.Sampler;
import org.diffusion4j.unet.SameDiffDenoiser;

/** What is measured of a model. */
interface Instruments extends AutoCloseable {

  /** Makes the instruments of models. */
  @FunctionalInterface
  interface Factory {

    /**
     * @param model the model's name
     * @param waiting the number of callers that wait
     */
    Instruments of(String model, IntSupplier waiting);
  }

  /** Measures nothing. */
  Instruments NONE =
      new Instruments() {
        @Override
        public Denoiser denoiser(SameDiffDenoiser denoiser) {
          return denoiser;
        }

        @Override
        public Sampler sampler(String name, Sampler sampler) {
          return sampler;
        }

        @Override
        public void refused(SamplingRefusedException.Reason reason) {}

        @Override
        public void close() {}
      };

  Denoiser denoiser(SameDiffDenoiser denoiser);

  Sampler sampler(String name, Sampler sampler);

  void refused(SamplingRefusedException.Reason reason);

  @Override
  void close();
}
