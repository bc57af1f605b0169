package org.diffusion4j.examples;

import java.util.Map;
import java.util.TreeMap;
import org.diffusion4j.training.Loss.Weighting;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Reads weightings by name, with the constants of their papers. */
final class WeightingByName implements ITypeConverter<Weighting> {

  private static final Map<String, Weighting> BY_NAME =
      new TreeMap<>(
          Map.of(
              "simple", Weighting.simple(),
              "min-snr", Weighting.minSnr(5),
              "truncated-snr", Weighting.truncatedSnr(),
              "p2", Weighting.p2(1, 1)));

  @Override
  public Weighting convert(String name) {
    Weighting weighting = BY_NAME.get(name);
    if (weighting == null) {
      throw new TypeConversionException("must be one of " + BY_NAME.keySet() + " but was " + name);
    }
    return weighting;
  }
}
