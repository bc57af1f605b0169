package org.diffusion4j.internal.files;

import static org.assertj.core.api.Assertions.assertThat;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PythonFloatTest {

  @ParameterizedTest
  @CsvSource({
    "0, 0.0",
    "-0.0, -0.0",
    "1, 1.0",
    "10, 10.0",
    "0.02, 0.02",
    "0.999, 0.999",
    "0.0001, 0.0001",
    "0.000095, 9.5e-05",
    "0.00001, 1e-05",
    "0.000001, 1e-06",
    "-1.25e-7, -1.25e-07",
    "0.002, 0.002",
    "0.30000000000000004, 0.30000000000000004",
    "1e15, 1000000000000000.0",
    "1e16, 1e+16",
    "9007199254740993, 9007199254740992.0",
    "123456789012345680, 1.2345678901234568e+17",
    "1e22, 1e+22",
    "1e23, 1e+23",
    "2e23, 2e+23",
    "5.684341886080802e-14, 5.684341886080802e-14",
    "4.9e-324, 5e-324",
    "2.2250738585072014e-308, 2.2250738585072014e-308",
    "1.7976931348623157e308, 1.7976931348623157e+308",
    "NaN, NaN",
    "Infinity, Infinity",
    "-Infinity, -Infinity"
  })
  void format_isPythonsRepr(double value, String expected) {
    assertThat(PythonFloat.format(value)).isEqualTo(expected);
  }

  @Property
  void format_anyBits_givesTheValueBack(@ForAll long bits) {
    Double value = Double.longBitsToDouble(bits);
    assertThat(Double.parseDouble(PythonFloat.format(value))).isEqualTo(value);
  }
}
