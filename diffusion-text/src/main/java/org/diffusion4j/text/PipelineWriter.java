package org.diffusion4j.text;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.autoencoder.Autoencoder;
import org.diffusion4j.internal.files.DiffusersFormat;
import org.diffusion4j.internal.files.Json;
import org.diffusion4j.internal.files.ModelIndex;
import org.diffusion4j.pretrained.PretrainedModel;
import org.diffusion4j.pretrained.PretrainedModel.Provenance;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;

/** Writes the directories of text-to-image models. */
final class PipelineWriter {

  /** The entry of an absent part. */
  static final List<@Nullable Object> ABSENT =
      Collections.unmodifiableList(Arrays.asList(null, null));

  private final Parts parts;
  private final Path directory;
  private final DataType weights;
  private final Map<String, @Nullable Object> index = new TreeMap<>();

  /**
   * @param directory an empty one
   * @param weights the type of weights in their files
   */
  private PipelineWriter(Parts parts, Path directory, DataType weights) {
    this.parts = parts;
    this.directory = directory;
    this.weights = weights;
  }

  static void write(Parts parts, Provenance provenance, Path directory, DataType weights)
      throws IOException {
    if (parts.encoder() != null && !(parts.encoder() instanceof ClipTextEncoder)) {
      throw new IllegalArgumentException(
          "text encoder must be a ClipTextEncoder to be written but is a "
              + parts.encoder().getClass().getName());
    }
    boolean xl = parts.kind() == PipelineKind.STABLE_DIFFUSION_XL;
    if (parts.encoder() instanceof ClipTextEncoder encoder && !encoder.isPlain(xl)) {
      throw new IllegalArgumentException(
          "text encoder must be one of ClipTextEncoder."
              + (xl ? "xl" : "of")
              + " without clip skip to be written as part of a "
              + parts.className()
              + " but is another");
    }
    ModelIndex.writeDirectory(
        directory, beside -> new PipelineWriter(parts, beside, weights).write(provenance));
  }

  private void write(Provenance provenance) throws IOException {
    index.putAll(parts.settings());
    index.put(DiffusersFormat.CLASS_NAME, parts.className());
    index.put(DiffusersFormat.VERSION_NAME, DiffusersFormat.VERSION);
    index.put(
        PipelineReader.NETWORK,
        PretrainedModel.saveNetwork(parts.network(), folder(PipelineReader.NETWORK), weights));
    if (parts.encoder() instanceof ClipTextEncoder encoder) {
      writeEncoders(encoder);
    }
    Autoencoder autoencoder = parts.autoencoder();
    if (autoencoder != null) {
      String name = parts.kind().autoencoderFolder();
      autoencoder.save(directory.resolve(name), weights);
      index.put(name, List.of(DiffusersFormat.LIBRARY, autoencoder.getClass().getSimpleName()));
    }
    writeScheduler(DiffusersFormat.SCHEDULER, parts.scheduler());
    if (parts.lowResScheduler() != null) {
      writeScheduler(PipelineReader.LOW_RES_SCHEDULER, parts.lowResScheduler());
    }
    if (!provenance.facts().isEmpty()) {
      Json.write(directory.resolve(DiffusersFormat.PROVENANCE), provenance.facts());
    }
    Json.write(directory.resolve(DiffusersFormat.INDEX), index);
  }

  private void writeEncoders(ClipTextEncoder encoder) throws IOException {
    int count = encoder.models().size();
    for (int i = 0; i < count; i++) {
      // The last one of Stable Diffusion XL is the second, also where it is the only one.
      boolean second = parts.kind() == PipelineKind.STABLE_DIFFUSION_XL && i == count - 1;
      String suffix = second ? PipelineReader.SECOND : "";
      ClipTextModel model = encoder.models().get(i);
      model.writeTo(folder(PipelineReader.ENCODER + suffix), weights);
      encoder.tokenizers().get(i).write(folder(PipelineReader.TOKENIZER + suffix));
      index.put(
          PipelineReader.ENCODER + suffix,
          List.of(
              DiffusersFormat.TEXT_LIBRARY,
              model.config().projection() > 0 ? "CLIPTextModelWithProjection" : "CLIPTextModel"));
      index.put(
          PipelineReader.TOKENIZER + suffix,
          List.of(DiffusersFormat.TEXT_LIBRARY, "CLIPTokenizer"));
    }
  }

  private void writeScheduler(String name, SchedulerConfig scheduler) throws IOException {
    ModelIndex.writeScheduler(folder(name), scheduler);
    index.put(name, List.of(DiffusersFormat.LIBRARY, scheduler.className()));
  }

  private Path folder(String name) throws IOException {
    return Files.createDirectory(directory.resolve(name));
  }
}
