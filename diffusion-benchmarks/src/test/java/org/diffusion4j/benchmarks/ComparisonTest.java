package org.diffusion4j.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.within;

import java.util.Map;
import org.junit.jupiter.api.Test;

class ComparisonTest {

  private static final Measurement OURS = Cases.measurement(120.04, 600.4);

  @Test
  void line_namesTheFastestPeerAndItsMemory() {
    Comparison comparison =
        Comparison.of(
            Cases.standard(Mode.INFER),
            Map.of(
                Contestant.OURS, OURS,
                Contestant.LIBTORCH, Cases.measurement(100, 400),
                Contestant.ONNXRUNTIME, Cases.measurement(110, 200)));
    assertThat(comparison.line())
        .isEqualTo(
            "unet infer batch=16 ours_ms=120.0 peer=libtorch peer_ms=100.0 ratio=1.20"
                + " ours_peak_mb=600 peer_peak_mb=400 memory_ratio=1.50");
  }

  @Test
  void of_theOtherPeerFaster_choosesIt() {
    Comparison comparison =
        Comparison.of(
            Cases.standard(Mode.INFER),
            Map.of(
                Contestant.OURS, OURS,
                Contestant.LIBTORCH, Cases.measurement(100, 400),
                Contestant.ONNXRUNTIME, Cases.measurement(60, 200)));
    assertThat(comparison.peer()).isEqualTo(Contestant.ONNXRUNTIME);
    assertThat(comparison.ratio()).isCloseTo(2.0, within(1e-3));
  }

  @Test
  void of_noPeer_isRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Comparison.of(Cases.standard(Mode.INFER), Map.of(Contestant.OURS, OURS)))
        .withMessage("contestants must be ours and a peer but were [ours]");
  }

  @Test
  void of_anotherNetwork_isRefused() {
    Measurement other = new Measurement(1, 1, 1, 1, 3);
    assertThatIllegalStateException()
        .isThrownBy(
            () ->
                Comparison.of(
                    Cases.standard(Mode.INFER),
                    Map.of(Contestant.OURS, OURS, Contestant.LIBTORCH, other)))
        .withMessage("parameters must be as many as ours, 3939393, but libtorch has 3");
  }
}
