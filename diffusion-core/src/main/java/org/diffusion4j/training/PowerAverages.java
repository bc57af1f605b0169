package org.diffusion4j.training;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.diffusion4j.ModelFormatException;
import org.diffusion4j.engine.cpu.WeightLoops;
import org.diffusion4j.internal.AtomicFiles;
import org.diffusion4j.internal.files.Safetensors;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Two averages of a model's weights with powers of the time as weights, and snapshots of them, from
 * which an average of any width can be put together after training: EDM2 (Karras et al. 2024),
 * section 3.
 */
final class PowerAverages implements AutoCloseable {

  /** The widths that the authors keep: section 3.2. */
  private static final double[] WIDTHS = {0.05, 0.1};

  private static final Pattern NAME = Pattern.compile("step-(\\d{8,18})-([01])\\.safetensors");

  private final SameDiffDenoiser model;
  private final Path folder;
  private final int everySteps;
  private final List<Map<String, INDArray>> averages = new ArrayList<>();

  /**
   * @param folder of the snapshots
   * @param everySteps number of steps between them, at least 1
   */
  PowerAverages(SameDiffDenoiser model, Path folder, int everySteps) {
    this.model = model;
    this.folder = folder;
    this.everySteps = everySteps;
    for (int k = 0; k < WIDTHS.length; k++) {
      Map<String, INDArray> average = new LinkedHashMap<>();
      model.parameters().forEach((name, weight) -> average.put(name, weight.dup('c')));
      averages.add(average);
    }
  }

  /** The averages by the names of their groups in a checkpoint. */
  Map<String, Map<String, INDArray>> groups() {
    Map<String, Map<String, INDArray>> groups = new LinkedHashMap<>();
    for (int k = 0; k < averages.size(); k++) {
      groups.put("power-average-" + k, averages.get(k));
    }
    return groups;
  }

  /**
   * Adds the model's weights.
   *
   * @param steps number of steps done, at least 1
   */
  void update(long steps) {
    List<INDArray> weights = List.copyOf(model.parameters().values());
    for (int k = 0; k < WIDTHS.length; k++) {
      float take = (float) (1 - PowerProfile.ofWidth(WIDTHS[k], steps).keep());
      WeightLoops.run(
          List.of(List.copyOf(averages.get(k).values())),
          List.of(weights),
          (pieces, n) -> {
            float[] a = pieces[0];
            float[] w = pieces[1];
            for (int i = 0; i < n; i++) {
              a[i] += take * (w[i] - a[i]);
            }
            return 0;
          });
    }
  }

  /** Writes snapshots if the number of steps requires it. */
  void saveIfDue(long steps) {
    if (steps % everySteps != 0) {
      return;
    }
    try {
      Files.createDirectories(folder);
      for (int k = 0; k < WIDTHS.length; k++) {
        Map<String, INDArray> average = averages.get(k);
        AtomicFiles.writeFile(
            folder.resolve(String.format(Locale.ROOT, "step-%08d-%d.safetensors", steps, k)),
            file -> Safetensors.write(file, average, Map.of()));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(
          "averages of step " + steps + " could not be written: " + e.getMessage(), e);
    }
  }

  /** A snapshot, or the current average. */
  private record Part(PowerProfile profile, Path file, int current) {}

  /**
   * Replaces the model's weights by an average of any width.
   *
   * @param width in [0.01, 0.28]
   * @param steps number of steps done, at least 1
   */
  void copyToModel(double width, long steps) {
    PowerProfile wanted = PowerProfile.ofWidth(width, steps);
    try {
      List<Part> parts = parts(steps);
      double[] factors =
          wanted.from(parts.stream().map(Part::profile).toArray(PowerProfile[]::new));
      List<INDArray> sums = new ArrayList<>();
      try {
        averages.get(0).values().forEach(average -> sums.add(average.like()));
        for (int i = 0; i < factors.length; i++) {
          add(sums, factors[i], parts.get(i));
        }
        WeightLoops.copy(sums, List.copyOf(model.parameters().values()));
        model.weightsChanged();
      } finally {
        sums.forEach(INDArray::close);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e.getMessage(), e);
    }
  }

  /** The snapshots of earlier steps and the current averages. */
  private List<Part> parts(long steps) throws IOException {
    List<Part> parts = new ArrayList<>();
    if (Files.exists(folder)) {
      try (Stream<Path> files = Files.list(folder)) {
        for (Path file : files.sorted().toList()) {
          Matcher name = NAME.matcher(String.valueOf(file.getFileName()));
          if (name.matches() && Long.parseLong(name.group(1)) < steps) {
            int k = Integer.parseInt(name.group(2));
            double end = Long.parseLong(name.group(1));
            parts.add(new Part(PowerProfile.ofWidth(WIDTHS[k], end), file, -1));
          }
        }
      }
    }
    for (int k = 0; k < WIDTHS.length; k++) {
      parts.add(new Part(PowerProfile.ofWidth(WIDTHS[k], steps), folder, k));
    }
    return parts;
  }

  private void add(List<INDArray> sums, double factor, Part part) throws IOException {
    if (part.current() >= 0) {
      add(sums, factor, List.copyOf(averages.get(part.current()).values()));
      return;
    }
    List<INDArray> read = new ArrayList<>();
    try (Safetensors tensors = Safetensors.open(part.file())) {
      for (Map.Entry<String, INDArray> average : averages.get(0).entrySet()) {
        String name = average.getKey();
        if (!tensors.names().contains(name)
            || !Arrays.equals(tensors.shape(name), average.getValue().shape())) {
          throw new ModelFormatException(
              part.file(), "must have the weights of the model but " + name + " is not as there");
        }
        read.add(tensors.read(name));
      }
      add(sums, factor, read);
    } finally {
      read.forEach(INDArray::close);
    }
  }

  private static void add(List<INDArray> sums, double factor, List<INDArray> terms) {
    float by = (float) factor;
    WeightLoops.run(
        List.of(sums),
        List.of(terms),
        (pieces, n) -> {
          for (int i = 0; i < n; i++) {
            pieces[0][i] += by * pieces[1][i];
          }
          return 0;
        });
  }

  @Override
  public void close() {
    averages.forEach(average -> average.values().forEach(INDArray::close));
  }
}
