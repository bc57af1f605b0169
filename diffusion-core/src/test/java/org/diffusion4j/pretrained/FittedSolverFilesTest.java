package org.diffusion4j.pretrained;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.SamplingResult;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.samplers.Samplers;
import org.diffusion4j.unet.Mlp;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What was fitted to a model is part of its directory. */
class FittedSolverFilesTest {

  @TempDir Path directory;

  @Test
  void loadedModel_hasTheFittedSolver() throws Exception {
    SamplingRequest paths = SamplingRequest.builder(8).seed(1).build();
    SamplingRequest three = SamplingRequest.builder(3).seed(2).build();
    try (Mlp model = Mlp.create(new Mlp.Config(2, 8, 1), NoiseSchedule.linear(100), 1)) {
      SchedulerConfig fitted = Samplers.fitSolver(model.scheduler(), 2, model, paths);
      PretrainedModel.of(model).withScheduler(fitted).save(directory.resolve("model"));
      try (PretrainedModel loaded = PretrainedModel.load(directory.resolve("model"));
          SamplingResult ours = Samplers.of(fitted, 2).sample(model, three);
          SamplingResult theirs =
              Samplers.of(loaded.scheduler(), 2).sample(loaded.model(), three)) {
        assertThat(loaded.scheduler().settings())
            .containsEntry("fitted_solvers", fitted.settings().get("fitted_solvers"));
        assertThat(theirs.denoiserCalls()).isEqualTo(2);
        assertThat(theirs.samples().equals(ours.samples())).isTrue();
      }
    }
  }
}
