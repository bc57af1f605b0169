package org.diffusion4j.pretrained;

import com.fasterxml.jackson.core.io.NumberOutput;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.Locale;

/** Floating-point numbers as Python's {@code json} module writes them. */
final class PythonFloat {

  private PythonFloat() {}

  /**
   * The fewest digits that give the value back, as {@code 0.02}, {@code 1.0} or {@code 1e-06}: with
   * an exponent when that is below -4 or at least 16.
   */
  static String format(double value) {
    if (Double.isNaN(value)) {
      return "NaN";
    }
    if (Double.isInfinite(value)) {
      return value > 0 ? "Infinity" : "-Infinity";
    }
    String sign = Double.doubleToRawLongBits(value) < 0 ? "-" : "";
    return sign + formatMagnitude(Math.abs(value));
  }

  private static String formatMagnitude(double value) {
    BigDecimal shortest = shortest(value);
    int exponent = shortest.precision() - shortest.scale() - 1;
    if (exponent >= -4 && exponent < 16) {
      String plain = shortest.toPlainString();
      return shortest.scale() > 0 ? plain : plain + ".0";
    }
    String digits = shortest.unscaledValue().toString();
    String fraction = digits.length() > 1 ? "." + digits.substring(1) : "";
    return String.format(
        Locale.ROOT,
        "%s%se%s%02d",
        digits.charAt(0),
        fraction,
        exponent < 0 ? "-" : "+",
        Math.abs(exponent));
  }

  private static BigDecimal shortest(double value) {
    // Double.toString gives the fewest digits only from JDK 19 on; Jackson's own writer always.
    BigDecimal shortest = new BigDecimal(NumberOutput.toString(value, true)).stripTrailingZeros();
    // Java writes two digits where one would do: 4.9E-324 is 5e-324 in Python.
    if (shortest.precision() == 2) {
      BigDecimal one = shortest.round(new MathContext(1));
      if (one.doubleValue() == value) {
        return one.stripTrailingZeros();
      }
    }
    return shortest;
  }
}
