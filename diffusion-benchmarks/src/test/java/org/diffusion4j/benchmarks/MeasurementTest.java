package org.diffusion4j.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class MeasurementTest {

  @Test
  void parse_ofItsLine_isTheSame() {
    Measurement measurement = new Measurement(12.345, 11, 7, 439.5, 3_939_393);
    assertThat(Measurement.isLine(measurement.line())).isTrue();
    assertThat(Measurement.parse(measurement.line())).isEqualTo(measurement);
  }

  @Test
  void isLine_ofWhatALibraryPrints_isFalse() {
    assertThat(Measurement.isLine("Loaded backend")).isFalse();
  }

  @Test
  void median_takesEachMedian() {
    List<Measurement> rounds =
        List.of(
            new Measurement(3, 2, 5, 100, 42),
            new Measurement(1, 1, 6, 300, 42),
            new Measurement(2, 0.5, 7, 200, 42));
    assertThat(Measurement.median(rounds)).isEqualTo(new Measurement(2, 1, 18, 200, 42));
  }
}
