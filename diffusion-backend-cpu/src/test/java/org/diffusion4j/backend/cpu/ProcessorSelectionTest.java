package org.diffusion4j.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.ServiceLoader;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.factory.Nd4jBackend;

class ProcessorSelectionTest {

  private static final String AVX2 = "flags\t\t: fpu sse sse2 avx avx2 fma";

  @Test
  void vectorLevel_needsEveryPartOfAvx512() {
    String all = AVX2 + " avx512f avx512dq avx512cd avx512bw avx512vl";
    assertThat(ProcessorSelection.vectorLevel(List.of("processor : 0", all))).isEqualTo(3);
    assertThat(ProcessorSelection.vectorLevel(List.of(all.replace(" avx512vl", "")))).isEqualTo(2);
    assertThat(ProcessorSelection.vectorLevel(List.of(AVX2))).isEqualTo(2);
    assertThat(ProcessorSelection.vectorLevel(List.of("flags : fpu sse avx"))).isZero();
    assertThat(ProcessorSelection.vectorLevel(List.of("Features : fp asimd"))).isZero();
  }

  @Test
  void extension_isTheBestThatIsPresentAndThatTheProcessorRuns() {
    Set<String> all = Set.of("", "-onednn-avx2", "-onednn-avx512");
    assertThat(ProcessorSelection.extension(all, 3)).isEqualTo("-onednn-avx512");
    assertThat(ProcessorSelection.extension(all, 2)).isEqualTo("-onednn-avx2");
    assertThat(ProcessorSelection.extension(all, 0)).isEmpty();
    assertThat(ProcessorSelection.extension(Set.of("", "-avx2"), 3)).isEqualTo("-avx2");
    assertThat(ProcessorSelection.extension(Set.of("", "-onednn"), 3)).isEqualTo("-onednn");
    assertThat(ProcessorSelection.extension(Set.of(""), 3)).isEmpty();
  }

  @Test
  void theChoice_isRegisteredAndLastInLine() {
    assertThat(ServiceLoader.load(Nd4jBackend.class))
        .filteredOn(ProcessorSelection.class::isInstance)
        .singleElement()
        .satisfies(backend -> assertThat(backend.isAvailable()).isFalse())
        .satisfies(backend -> assertThat(backend.getPriority()).isNegative());
    assertThatThrownBy(new ProcessorSelection()::buildInfo)
        .isInstanceOf(UnsupportedOperationException.class);
  }

  @Test
  void nd4j_startsWithIt() {
    try (INDArray one = Nd4j.ones(2, 2)) {
      assertThat(one.sumNumber().doubleValue()).isEqualTo(4);
    }
    if (System.getProperty("os.arch").equals("amd64")) {
      assertThat(System.getProperty(ProcessorSelection.EXTENSION)).startsWith("-");
    }
  }
}
