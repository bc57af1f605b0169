package org.diffusion4j.examples;

import java.io.PrintWriter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Sampler;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.SamplingResult;
import org.diffusion4j.samplers.DdimSampler;
import org.diffusion4j.samplers.DdpmSampler;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Samples from a denoiser that is not a network. */
@Command(
    name = "custom",
    description = "Samples with a custom denoiser: the exact one of a mixture of Gaussians.",
    mixinStandardHelpOptions = true)
final class CustomCommand implements Callable<Integer> {

  @SuppressWarnings("NullAway.Init")
  @Spec
  private CommandSpec spec;

  @Option(
      names = "--count",
      converter = Positive.class,
      description = "Number of samples (${DEFAULT-VALUE}).")
  private int count = 5000;

  @Option(names = "--seed", description = "Seed of the noise (${DEFAULT-VALUE}).")
  private long seed;

  @Override
  public Integer call() {
    MixtureDenoiser model = new MixtureDenoiser(NoiseSchedule.linear(200), 0.5, List.of(-2.0, 2.0));
    Map<String, Sampler> samplers = new LinkedHashMap<>();
    samplers.put("ddpm", DdpmSampler.withBeta());
    samplers.put("ddpm-posterior", DdpmSampler.withPosteriorVariance());
    samplers.put("ddim, 50 steps", new DdimSampler(50));

    PrintWriter out = spec.commandLine().getOut();
    out.printf(Locale.ROOT, "%-15s %s%n", "exactly", "share 0.500  mean +-2  deviation 0.500");
    samplers.forEach(
        (name, sampler) -> {
          SamplingRequest request =
              SamplingRequest.builder(count).seed(seed).batchSize(count).build();
          try (SamplingResult result = sampler.sample(model, request)) {
            double[] values = result.samples().ravel().toDoubleVector();
            out.printf(Locale.ROOT, "%-15s %s%n", name, Modes.of(values));
          }
        });
    return 0;
  }
}
