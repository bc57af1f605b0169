package org.diffusion4j.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AtomicFilesTest {

  private static final int WRITERS = 4;
  private static final int ROUNDS = 100;

  @TempDir private Path directory;

  @Test
  void writeFile_whenNoneIsThere_makesItAndItsParents() throws IOException {
    Path file = directory.resolve("a/b/file");
    AtomicFiles.writeFile(file, path -> Files.writeString(path, "new"));
    assertThat(file).hasContent("new");
    assertThat(entries(file.getParent())).containsExactly("file");
  }

  @Test
  void writeFile_whenOneIsThere_replacesIt() throws IOException {
    Path file = Files.writeString(directory.resolve("file"), "old and longer");
    AtomicFiles.writeFile(file, path -> Files.writeString(path, "new"));
    assertThat(file).hasContent("new");
    assertThat(entries(directory)).containsExactly("file");
  }

  @Test
  void writeFile_whenTheWriterFailsMidway_leavesTheOldAndNothingElse() throws IOException {
    Path file = Files.writeString(directory.resolve("file"), "old");
    assertThatThrownBy(
            () ->
                AtomicFiles.writeFile(
                    file,
                    path -> {
                      Files.writeString(path, "half");
                      throw new IOException("disk full");
                    }))
        .hasMessage(file + ": disk full");
    assertThat(file).hasContent("old");
    assertThat(entries(directory)).containsExactly("file");
  }

  @Test
  void writeFile_whenTheWriterThrowsUnchecked_leavesNothing() throws IOException {
    assertThatThrownBy(
            () ->
                AtomicFiles.writeFile(
                    directory.resolve("file"),
                    path -> {
                      Files.writeString(path, "half");
                      throw new IllegalStateException("closed");
                    }))
        .hasMessage("closed");
    assertThat(entries(directory)).isEmpty();
  }

  @Test
  void writeFile_belowALinkToADirectory_followsIt() throws IOException {
    Path real = Files.createDirectory(directory.resolve("real"));
    Path link = Files.createSymbolicLink(directory.resolve("link"), real);
    AtomicFiles.writeFile(link.resolve("file"), path -> Files.writeString(path, "new"));
    assertThat(real.resolve("file")).hasContent("new");
  }

  @Test
  void writeDirectory_whenNoneIsThere_makesItAndItsParents() throws IOException {
    Path target = directory.resolve("a/b/model");
    AtomicFiles.writeDirectory(target, path -> Files.writeString(path.resolve("x"), "new"));
    assertThat(target.resolve("x")).hasContent("new");
    assertThat(entries(target.getParent())).containsExactly("model");
  }

  @Test
  void writeDirectory_whenOneIsThere_replacesAllOfIt() throws IOException {
    Path target = directory.resolve("model");
    Files.createDirectories(target.resolve("sub"));
    Files.writeString(target.resolve("sub/old"), "old");
    AtomicFiles.writeDirectory(target, path -> Files.writeString(path.resolve("x"), "new"));
    assertThat(entries(target)).containsExactly("x");
    assertThat(entries(directory)).containsExactly("model");
  }

  @Test
  void writeDirectory_whenTheWriterFailsMidway_leavesTheOldAndNothingElse() throws IOException {
    Path target = Files.createDirectory(directory.resolve("model"));
    Files.writeString(target.resolve("x"), "old");
    assertThatThrownBy(
            () ->
                AtomicFiles.writeDirectory(
                    target,
                    path -> {
                      Files.createDirectory(path.resolve("sub"));
                      Files.writeString(path.resolve("sub/x"), "half");
                      throw new IOException("disk full");
                    }))
        .hasMessage(target + ": disk full");
    assertThat(target.resolve("x")).hasContent("old");
    assertThat(entries(directory)).containsExactly("model");
  }

  @Test
  void write_fails_namesTheTargetAndNotTheHiddenPlace() {
    Path target = directory.resolve("model");
    assertThatThrownBy(
            () ->
                AtomicFiles.writeDirectory(
                    target,
                    path ->
                        AtomicFiles.writeFile(
                            path.resolve("x"),
                            hidden -> {
                              throw new FileSystemException(
                                  hidden.toString(), null, "No space left on device");
                            })))
        .isInstanceOf(IOException.class)
        .hasMessage(target.resolve("x") + ": No space left on device");
  }

  @Test
  void write_names_mayHave255Bytes() throws IOException {
    Path file = directory.resolve("f".repeat(255));
    AtomicFiles.writeFile(file, path -> Files.writeString(path, "new"));
    assertThat(file).hasContent("new");
    Path model = directory.resolve("m".repeat(255));
    for (int i = 0; i < 2; i++) {
      AtomicFiles.writeDirectory(model, path -> Files.writeString(path.resolve("x"), "new"));
    }
    assertThat(model.resolve("x")).hasContent("new");
  }

  @Test
  void write_throughALink_replacesWhatItLeadsTo() throws IOException {
    Path model = directory.resolve("model");
    Path link = Files.createSymbolicLink(directory.resolve("link"), Path.of("model"));
    Path second = Files.createSymbolicLink(directory.resolve("second"), link);
    for (String content : List.of("old", "new")) {
      AtomicFiles.writeDirectory(second, path -> Files.writeString(path.resolve("x"), content));
      assertThat(model.resolve("x")).hasContent(content);
    }
    AtomicFiles.writeFile(link.resolve("x"), path -> Files.writeString(path, "newer"));
    assertThat(second).isSymbolicLink();
    assertThat(model.resolve("x")).hasContent("newer");
    Path circle = Files.createSymbolicLink(directory.resolve("circle"), Path.of("circle"));
    assertThatThrownBy(() -> AtomicFiles.recover(circle))
        .hasMessageContaining("must not be circular");
    Files.delete(circle); // JUnit's own deletion would follow it for ever.
  }

  /** What a kill leaves after each step of replacing a directory. */
  @Test
  void recover_afterAnyStep_leavesTheOldOrTheNew() throws IOException {
    Path model = directory.resolve("model");
    String hidden = ".model.01234567-89ab-cdef-0123-456789abcdef";
    Path unfinished = directory.resolve(hidden + ".tmp");
    Path old = directory.resolve(hidden + ".old");

    AtomicFiles.recover(directory.resolve("nowhere/model"));
    Files.createDirectory(unfinished);
    AtomicFiles.recover(model);
    assertThat(model).doesNotExist();

    Files.writeString(Files.createDirectory(model).resolve("x"), "old");
    AtomicFiles.recover(model);
    assertThat(model.resolve("x")).hasContent("old");

    Files.move(model, old);
    AtomicFiles.recover(directory.resolve("another"));
    assertThat(entries(directory)).doesNotContain("another", "model");
    AtomicFiles.recover(model);
    assertThat(model.resolve("x")).hasContent("old");
    assertThat(old).doesNotExist();

    Files.writeString(Files.createDirectory(old).resolve("x"), "older");
    AtomicFiles.recover(model);
    assertThat(model.resolve("x")).hasContent("old");
    AtomicFiles.writeDirectory(model, path -> Files.writeString(path.resolve("x"), "new"));
    assertThat(model.resolve("x")).hasContent("new");
    assertThat(old).doesNotExist();

    Files.move(model, old);
    AtomicFiles.writeDirectory(model, path -> Files.writeString(path.resolve("x"), "newer"));
    assertThat(model.resolve("x")).hasContent("newer");
    assertThat(old).doesNotExist();
  }

  @Test
  void writeFile_byManyAtOnce_leavesOneWholeResult() throws Exception {
    Path file = directory.resolve("file");
    atOnce(
        writer ->
            AtomicFiles.writeFile(
                file, path -> Files.writeString(path, String.valueOf(writer).repeat(10_000))));
    String content = Files.readString(file);
    assertThat(content).isEqualTo(content.substring(0, 1).repeat(10_000));
    assertThat(entries(directory)).containsExactly("file");
  }

  @Test
  void writeDirectory_byManyAtOnce_leavesOneWholeResult() throws Exception {
    Path target = directory.resolve("model");
    atOnce(
        writer ->
            AtomicFiles.writeDirectory(
                target,
                path -> {
                  Files.writeString(path.resolve("x"), String.valueOf(writer));
                  Files.writeString(path.resolve("y"), String.valueOf(writer));
                }));
    assertThat(entries(target)).containsExactlyInAnyOrder("x", "y");
    assertThat(target.resolve("x")).hasSameTextualContentAs(target.resolve("y"));
    assertThat(entries(directory)).containsExactly("model");
  }

  @FunctionalInterface
  private interface Work {
    void of(int writer) throws IOException;
  }

  private static void atOnce(Work work) throws Exception {
    ExecutorService pool = Executors.newFixedThreadPool(WRITERS);
    CyclicBarrier barrier = new CyclicBarrier(WRITERS);
    List<Future<?>> writers = new ArrayList<>();
    for (int i = 0; i < WRITERS; i++) {
      int writer = i;
      Callable<Void> rounds =
          () -> {
            barrier.await();
            for (int round = 0; round < ROUNDS; round++) {
              work.of(writer);
            }
            return null;
          };
      writers.add(pool.submit(rounds));
    }
    pool.shutdown();
    for (Future<?> writer : writers) {
      writer.get();
    }
  }

  private static List<String> entries(Path directory) throws IOException {
    try (Stream<Path> entries = Files.list(directory)) {
      return entries.map(path -> path.getFileName().toString()).toList();
    }
  }
}
