package org.diffusion4j.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class WriterLockTest {

  @TempDir Path folder;

  private WriterLock take() throws IOException {
    return WriterLock.take(folder, folder.resolve(".lock"));
  }

  private void assertRefused(String holder) {
    assertThatExceptionOfType(IOException.class)
        .isThrownBy(this::take)
        .withMessageStartingWith(folder + ": must have one writer but " + holder);
  }

  @Test
  void take_whatThisProcessHolds_isRefusedUntilItIsGivenBack() throws IOException {
    long pid = ProcessHandle.current().pid();
    for (int i = 0; i < 2; i++) {
      try (WriterLock lock = take()) {
        assertRefused("this process, " + pid + ", writes there");
        assertRefused("this process, " + pid + ", writes there");
      }
      assertThat(folder).isEmptyDirectory();
    }
  }

  @Test
  void take_whatAnotherProcessHolds_isRefusedUntilItIsKilled() throws Exception {
    Process holder =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "-cp",
                System.getProperty("java.class.path"),
                LockHolder.class.getName(),
                folder.toString())
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
    try (BufferedReader output = holder.inputReader()) {
      assertThat(output.readLine()).isEqualTo("held");
      assertRefused("process " + holder.pid() + " writes there");
      holder.destroyForcibly().waitFor();
      assertThat(folder.resolve(".lock")).exists();
      take().close();
      assertThat(folder).isEmptyDirectory();
    } finally {
      holder.destroyForcibly();
    }
  }

  @Test
  void take_whenInterrupted_holdsAndStaysInterrupted() throws IOException {
    Thread.currentThread().interrupt();
    try (WriterLock lock = take()) {
      assertThat(Thread.interrupted()).isTrue();
      assertRefused("this process");
    }
  }

  @Test
  void take_whereNoFileCanBeMade_goesOn() throws IOException {
    Path lock = Files.createDirectory(folder.resolve(".lock"));
    take().close();
    assertThat(lock).isDirectory();
  }
}
