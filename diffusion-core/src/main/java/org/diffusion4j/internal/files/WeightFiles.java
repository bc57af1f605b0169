package org.diffusion4j.internal.files;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.diffusion4j.ModelFormatException;
import org.diffusion4j.internal.common.Shown;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The files of a network's weights: one file, or those of an index. A variant such as {@code fp16}
 * is used only if there are no files without a suffix.
 *
 * @param files at least one
 * @param places the file of each tensor as an index gives it, or empty without an index
 */
public record WeightFiles(List<Path> files, Map<String, String> places) {

  private static final Logger LOG = LoggerFactory.getLogger(WeightFiles.class);

  private static final Pattern SHARD = Pattern.compile("[\\w.-]{1,243}\\.safetensors");

  /** Pickle files can execute code, so they are not opened. */
  private static final Pattern PICKLE = Pattern.compile(".*\\.(bin|ckpt|pt|pth|pkl)");

  /** Files with other names that may be weights. */
  private static final Pattern OTHER = Pattern.compile("(?s)(?!config\\.json$|\\.).*\\..*");

  /**
   * @param name the name of the files without {@code .safetensors}
   * @throws ModelFormatException if there are none; the message lists what exists
   */
  public static WeightFiles of(Path directory, String name) throws IOException {
    Path single = directory.resolve(name + ".safetensors");
    if (Files.exists(single)) {
      return new WeightFiles(List.of(single), Map.of());
    }
    Path index = directory.resolve(name + ".safetensors.index.json");
    return Files.exists(index) ? ofIndex(directory, index) : ofVariant(directory, name, single);
  }

  /** The pattern excludes the files of an index, whose numbers contain a hyphen. */
  private static Pattern variant(String name) {
    return Pattern.compile(
        name + "\\.(\\w+)\\.safetensors|" + name + "\\.safetensors\\.index\\.\\w+\\.json");
  }

  private static WeightFiles ofVariant(Path directory, String fileName, Path plain)
      throws IOException {
    List<String> variants = list(directory, variant(fileName));
    if (variants.size() > 1) {
      throw new ModelFormatException(
          plain,
          "does not exist; one of the variants that are there must get its name: "
              + Shown.list(variants));
    }
    if (variants.isEmpty()) {
      List<String> pickles = list(directory, PICKLE);
      List<String> others = list(directory, OTHER);
      throw new ModelFormatException(
          plain,
          !pickles.isEmpty()
              ? "does not exist; pickles are not read but only safetensors, and there is "
                  + Shown.list(pickles)
              : others.isEmpty()
                  ? "does not exist"
                  : "does not exist; there is " + Shown.list(others));
    }
    String name = variants.get(0);
    LOG.info("{}: weights are read from {}", directory, name);
    Path file = directory.resolve(name);
    return name.endsWith(".json")
        ? ofIndex(directory, file)
        : new WeightFiles(List.of(file), Map.of());
  }

  private static List<String> list(Path directory, Pattern names) throws IOException {
    if (!Files.isDirectory(directory)) {
      return List.of();
    }
    try (Stream<Path> files = Files.list(directory)) {
      return files
          .map(file -> String.valueOf(file.getFileName()))
          .filter(name -> names.matcher(name).matches())
          .sorted()
          .toList();
    }
  }

  private static WeightFiles ofIndex(Path directory, Path index) throws IOException {
    if (!(Json.read(index).get("weight_map") instanceof Map<?, ?> map)) {
      throw new ModelFormatException(index, "must have an object weight_map");
    }
    Map<String, String> places = new TreeMap<>();
    for (Map.Entry<?, ?> entry : map.entrySet()) {
      String name = String.valueOf(entry.getValue());
      if (!SHARD.matcher(name).matches()) {
        throw new ModelFormatException(
            index,
            "weight_map must name safetensors files of its own directory but names "
                + Shown.text(name));
      }
      places.put(String.valueOf(entry.getKey()), name);
    }
    if (places.isEmpty()) {
      throw new ModelFormatException(index, "weight_map must name at least one file");
    }
    List<Path> files = new TreeSet<>(places.values()).stream().map(directory::resolve).toList();
    return new WeightFiles(files, places);
  }

  /** Whether the index, if there is one, assigns a tensor to this file. */
  public boolean agrees(String tensor, Path file) {
    return places.isEmpty() || String.valueOf(file.getFileName()).equals(places.get(tensor));
  }
}
