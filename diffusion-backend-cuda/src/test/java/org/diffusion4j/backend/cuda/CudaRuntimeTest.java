package org.diffusion4j.backend.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;

class CudaRuntimeTest {

  @Test
  void within_silentDriver_givesUp() {
    CountDownLatch never = new CountDownLatch(1);

    assertThatThrownBy(
            () ->
                CudaRuntime.within(
                    Duration.ofMillis(50),
                    () -> {
                      never.await();
                      return List.of();
                    }))
        .isInstanceOf(CudaUnavailableException.class)
        .hasMessage("the NVIDIA driver did not answer within 50 ms");
  }

  @Test
  void within_failingToLoad_saysWhy() {
    assertThatThrownBy(
            () ->
                CudaRuntime.within(
                    Duration.ofSeconds(10),
                    () -> {
                      throw new UnsatisfiedLinkError("libcuda.so.1: cannot open");
                    }))
        .isInstanceOf(CudaUnavailableException.class)
        .hasMessage("no NVIDIA driver was found");
  }

  @Test
  void loadFailure_withoutDriverLibrary_saysNoDriver() {
    Throwable root = new UnsatisfiedLinkError("/x/libjnicudart.so: libcuda.so.1: cannot open");
    Throwable failure = new UnsatisfiedLinkError("no jnicudart in java.library.path");
    failure.initCause(root);

    assertThat(CudaRuntime.loadFailure(failure)).isEqualTo("no NVIDIA driver was found");
  }

  @Test
  void loadFailure_ofAnotherLibrary_quotesFirstLine() {
    assertThat(CudaRuntime.loadFailure(new UnsatisfiedLinkError("libcudart.so.11.0: gone\nmore")))
        .isEqualTo("the CUDA libraries do not load (libcudart.so.11.0: gone)");
  }

  @Test
  void statusReason_ofOldDriver_saysSo() {
    assertThat(CudaRuntime.statusReason(35, "unused")).contains("driver is missing or too old");
  }

  @Test
  void statusReason_ofOtherError_quotesIt() {
    assertThat(CudaRuntime.statusReason(999, "unknown error"))
        .isEqualTo("CUDA reports error 999 (unknown error)");
  }
}
