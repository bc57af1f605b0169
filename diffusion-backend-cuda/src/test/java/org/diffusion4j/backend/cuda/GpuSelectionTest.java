package org.diffusion4j.backend.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Properties;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.nd4j.linalg.factory.Nd4jBackend;
import org.nd4j.linalg.jcublas.JCublasBackend;

class GpuSelectionTest {

  @Test
  void getPriority_isAboveCudaBackend() {
    assertThat(new GpuSelection(List::of).getPriority())
        .isGreaterThan(new JCublasBackend().getPriority());
  }

  @Test
  void isAvailable_onUnservedDeviceWithoutOtherBackend_throwsTheSentence() {
    Nd4jBackend selection = new GpuSelection(() -> List.of(new CudaDevice("NVIDIA B200", 10, 0)));

    assertThatThrownBy(selection::isAvailable)
        .isInstanceOf(UnsatisfiedLinkError.class)
        .hasMessageContaining("cannot run on NVIDIA B200 (compute capability 10.0)")
        .hasMessageEndingWith("; use nd4j-native (diffusion-backend-cpu) instead");
  }

  @Test
  void isAvailable_withFailingQuery_throwsItsReason() {
    Nd4jBackend selection =
        new GpuSelection(
            () -> {
              throw new CudaUnavailableException("no NVIDIA driver was found");
            });

    assertThatThrownBy(selection::isAvailable)
        .isInstanceOf(UnsatisfiedLinkError.class)
        .hasMessageStartingWith(
            "nd4j-cuda-11.6 cannot run on this machine: no NVIDIA driver was found");
  }

  @ParameterizedTest
  @CsvSource({"-onednn-avx512,", "-onednn-avx2,", "-,", "-cudnn,-cudnn", "-other,-other"})
  void leaveExtensionOfCpu_keepsOnlyOthers(String before, String after) {
    Properties platform = new Properties();
    platform.setProperty("platform.extension", before);

    GpuSelection.leaveExtensionOfCpu(platform);

    assertThat(platform.getProperty("platform.extension")).isEqualTo(after);
  }

  @Test
  void allowsOrder_beforeChoice_throws() {
    assertThatThrownBy(() -> new GpuSelection(List::of).allowsOrder())
        .isInstanceOf(IllegalStateException.class);
  }
}
