package org.diffusion4j.benchmarks;

import com.google.common.io.MoreFiles;
import com.google.common.io.RecursiveDeleteOption;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.nd4j.linalg.api.buffer.DataType;

/**
 * Runs each contestant in its own process, with this one's class path and the contestant's best
 * settings.
 */
final class ChildProcesses implements Stage {

  private static final long PATIENCE_MINUTES = 15;

  /** Environment variables that are not passed on to contestants. */
  private static final String SETTINGS = "(OMP|GOMP|OPENBLAS|MALLOC|LD)_.*";

  @Override
  public Measurement run(Contestant contestant, Case what) {
    try {
      return needsFiles(contestant, what)
          ? runWithFiles(contestant, what)
          : run(contestant, what, List.of());
    } catch (IOException e) {
      throw new UncheckedIOException(contestant + ": " + e.getMessage(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while " + contestant + " ran", e);
    }
  }

  /** A network of text is large: ours has weights that only predict, which are read from a file. */
  private static boolean needsFiles(Contestant contestant, Case what) {
    return contestant == Contestant.ONNXRUNTIME
        || contestant == Contestant.OURS && what.net().takesText();
  }

  private static Measurement runWithFiles(Contestant contestant, Case what)
      throws IOException, InterruptedException {
    Path folder = Files.createTempDirectory("unet");
    try {
      return run(contestant, what, write(contestant, what, folder));
    } finally {
      MoreFiles.deleteRecursively(folder, RecursiveDeleteOption.ALLOW_INSECURE);
    }
  }

  /** Writes what a process reads, and gives its arguments. */
  private static List<String> write(Contestant contestant, Case what, Path folder)
      throws IOException {
    if (contestant == Contestant.OURS) {
      RandomWeights.write(what.net().config(), DataType.FLOAT, folder);
      return List.of(folder.toString());
    }
    Path model = folder.resolve("unet.onnx");
    long parameters = OnnxUNet.write(what.net(), what.batch(), model);
    return List.of(model.toString(), String.valueOf(parameters));
  }

  private static Measurement run(Contestant contestant, Case what, List<String> more)
      throws IOException, InterruptedException {
    Process process = start(contestant, what, more);
    CompletableFuture.delayedExecutor(PATIENCE_MINUTES, TimeUnit.MINUTES)
        .execute(process::destroyForcibly);
    List<String> lines;
    try (BufferedReader output = process.inputReader()) {
      lines = output.lines().filter(Measurement::isLine).toList();
    }
    int exitCode = process.waitFor();
    if (exitCode != 0 || lines.size() != 1) {
      throw new IllegalStateException(
          "exit code of " + contestant + " must be 0 but was " + exitCode + " for " + what);
    }
    return Measurement.parse(lines.get(0));
  }

  private static Process start(Contestant contestant, Case what, List<String> more)
      throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(contestant.jvmOptions(what.threads()));
    command.add("-cp");
    command.add(System.getProperty("java.class.path"));
    command.add(contestant.program().getName());
    command.addAll(what.toArguments());
    command.addAll(more);
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.redirectError(ProcessBuilder.Redirect.INHERIT);
    builder.environment().keySet().removeIf(name -> name.matches(SETTINGS));
    builder.environment().putAll(contestant.environment(what.threads()));
    return builder.start();
  }
}
