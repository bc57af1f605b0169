package org.diffusion4j.examples;

import java.util.Iterator;
import java.util.List;
import org.diffusion4j.Sampler;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.samplers.Samplers;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** A sampler given by its name, combined with a model's settings. */
record NamedSampler(String name) {

  static final NamedSampler DDIM = new NamedSampler("ddim");

  /** All samplers except those for distilled models. */
  static List<NamedSampler> ofUsualModels() {
    return Samplers.names().stream()
        .filter(name -> !List.of("lcm", "tcd", "consistency").contains(name))
        .map(NamedSampler::new)
        .toList();
  }

  /** Whether it uses every step of the schedule by default. */
  boolean takesAllSteps() {
    return name.startsWith("ddpm");
  }

  /**
   * The sampler for a model.
   *
   * @param config the model's settings
   * @param steps in [1, T]
   */
  Sampler sampler(SchedulerConfig config, int steps) {
    return switch (name) {
      case "ddpm" -> Samplers.ddpm(config.with("variance_type", "fixed_large"), steps);
      case "ddpm-posterior" -> Samplers.ddpm(config.with("variance_type", "fixed_small"), steps);
      case "ddim" -> ddim(config, steps, 0);
      default -> Samplers.named(name, steps, Samplers.correction(config));
    };
  }

  /** DDIM with the steps of a model's settings. */
  static Sampler ddim(SchedulerConfig config, int steps, double eta) {
    return Samplers.ddim(config, steps, eta).withEpsilonFromCorrected();
  }

  @Override
  public String toString() {
    return name;
  }

  /** All names, for the help. */
  static final class Names implements Iterable<String> {

    @Override
    public Iterator<String> iterator() {
      return Samplers.names().iterator();
    }
  }

  /** Reads a name. */
  static final class Converter implements ITypeConverter<NamedSampler> {

    @Override
    public NamedSampler convert(String value) {
      try {
        // Creates a sampler only to check the name.
        Samplers.named(value, 1);
      } catch (IllegalArgumentException e) {
        throw new TypeConversionException(String.valueOf(e.getMessage()));
      }
      return new NamedSampler(value);
    }
  }
}
