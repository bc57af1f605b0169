package org.diffusion4j.benchmarks;

import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Reads options that are whole numbers of at least 1. */
final class AtLeastOne implements ITypeConverter<Integer> {

  @Override
  public Integer convert(String value) {
    int number;
    try {
      number = Integer.parseInt(value);
    } catch (NumberFormatException e) {
      throw new TypeConversionException("must be a whole number but was " + value);
    }
    if (number < 1) {
      throw new TypeConversionException("must be at least 1 but was " + value);
    }
    return number;
  }
}
