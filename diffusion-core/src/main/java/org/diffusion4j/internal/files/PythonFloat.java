package org.diffusion4j.internal.files;

import com.fasterxml.jackson.core.io.NumberOutput;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.Locale;

/** Writes floating-point numbers like Python's {@code json} module. */
public final class PythonFloat {

  private PythonFloat() {}

  /**
   * The shortest text that is read back as the value, such as {@code 0.02}, {@code 1.0} or {@code
   * 1e-06}; with an exponent if it is below -4 or at least 16.
   */
  public static String format(double value) {
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
    // Double.toString gives the shortest text only from JDK 19 on; Jackson's writer always does.
    BigDecimal shortest = new BigDecimal(NumberOutput.toString(value, true)).stripTrailingZeros();
    // Java always writes two digits: 4.9E-324 is 5e-324 in Python.
    if (shortest.precision() == 2) {
      BigDecimal one = shortest.round(new MathContext(1));
      if (one.doubleValue() == value) {
        return one.stripTrailingZeros();
      }
    }
    return shortest;
  }
}
