package org.diffusion4j.onnx;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.diffusion4j.Condition;
import org.diffusion4j.ModelFormatException;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.internal.files.DiffusersFormat;
import org.diffusion4j.internal.files.Json;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.jspecify.annotations.Nullable;

/**
 * What an ONNX file says of its denoiser beyond its inputs and its output, as strings by name.
 *
 * @param scheduler gives the noise schedule and the kind of prediction
 * @param classes number of classes; 0 without labels, {@link Condition.Takes#ANY} for any label
 * @param unlabelled whether samples may have no label; their label in the file is {@code classes}
 */
record ModelMetadata(SchedulerConfig scheduler, int classes, boolean unlabelled) {

  private static final String LIBRARY = "library";
  private static final String PREDICTION = "prediction";
  private static final String SCHEDULER = "scheduler_config";
  private static final String SAMPLE_SHAPE = "sample_shape";
  private static final String CLASSES = "classes";
  private static final String UNLABELLED = "unlabelled";
  private static final String CONDITIONS = "conditions";

  static ModelMetadata of(SameDiffDenoiser model) {
    Condition.Takes takes = model.takes();
    return new ModelMetadata(model.scheduler(), takes.classes(), takes.unlabelled());
  }

  /** What the labels may be. */
  OnnxInputs.Labels labels() {
    return new OnnxInputs.Labels(classes, unlabelled);
  }

  /** The entries of a file; shape and names of conditions are for readers of other libraries. */
  Map<String, String> toMap(long[] sampleShape, String conditions) throws IOException {
    Map<String, @Nullable Object> json = new TreeMap<>(scheduler.settings());
    json.put(DiffusersFormat.CLASS_NAME, scheduler.className());
    Map<String, String> entries = new LinkedHashMap<>();
    entries.put(LIBRARY, DiffusersFormat.OUR_LIBRARY);
    entries.put(PREDICTION, scheduler.prediction().name().toLowerCase(Locale.ROOT));
    entries.put(SCHEDULER, new String(Json.compact(json), StandardCharsets.UTF_8));
    entries.put(SAMPLE_SHAPE, Arrays.toString(sampleShape));
    entries.put(CLASSES, String.valueOf(classes));
    entries.put(UNLABELLED, String.valueOf(unlabelled));
    entries.put(CONDITIONS, conditions);
    return entries;
  }

  /**
   * Reads the entries of a file.
   *
   * @return empty if this library did not write it
   * @throws ModelFormatException if they are damaged
   */
  static Optional<ModelMetadata> read(Path file, Map<String, String> entries)
      throws ModelFormatException {
    if (!DiffusersFormat.OUR_LIBRARY.equals(entries.get(LIBRARY))) {
      return Optional.empty();
    }
    try {
      String text = entries.getOrDefault(SCHEDULER, "");
      Map<String, @Nullable Object> json =
          new TreeMap<>(
              Json.read(
                  file,
                  SCHEDULER + ", ",
                  new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8))));
      String className = String.valueOf(json.remove(DiffusersFormat.CLASS_NAME));
      SchedulerConfig scheduler = new SchedulerConfig(className, json);
      scheduler.schedule();
      scheduler.prediction();
      int classes = Integer.parseInt(entries.getOrDefault(CLASSES, ""));
      return Optional.of(
          new ModelMetadata(scheduler, classes, Boolean.parseBoolean(entries.get(UNLABELLED))));
    } catch (ModelFormatException e) {
      throw e;
    } catch (IOException | IllegalArgumentException e) {
      throw new ModelFormatException(file, "metadata: " + e.getMessage(), e);
    }
  }
}
