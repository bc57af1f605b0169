package org.diffusion4j.text;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.diffusion4j.ModelFormatException;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.autoencoder.Autoencoder;
import org.diffusion4j.internal.common.Shown;
import org.diffusion4j.internal.files.DiffusersFormat;
import org.diffusion4j.internal.files.ModelIndex;
import org.diffusion4j.internal.files.WeightFiles;
import org.diffusion4j.pretrained.PretrainedModel;
import org.diffusion4j.pretrained.PretrainedModel.Provenance;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Reads the directories of text-to-image models. */
final class PipelineReader {

  private static final Logger LOG = LoggerFactory.getLogger(PipelineReader.class);

  static final String NETWORK = "unet";
  static final String ENCODER = "text_encoder";
  static final String TOKENIZER = "tokenizer";
  static final String LOW_RES_SCHEDULER = "low_res_scheduler";

  /** What is behind the names of the second text encoder and its tokenizer. */
  static final String SECOND = "_2";

  private static final String WAY_OUT = "TextToImage.builder makes a model of parts";
  private static final Set<String> ENCODERS =
      Set.of("CLIPTextModel", "CLIPTextModelWithProjection");

  private final Path directory;
  private final boolean frozen;
  private final ModelIndex index;
  private final PipelineKind kind;

  /** What was read so far, to be closed if reading fails. */
  private final List<AutoCloseable> made = new ArrayList<>();

  private PipelineReader(Path directory, boolean frozen) throws IOException {
    this.directory = directory;
    this.frozen = frozen;
    index = ModelIndex.read(directory, WAY_OUT);
    Object name = index.pipeline();
    Optional<PipelineKind> found =
        name == null ? Optional.<PipelineKind>empty() : PipelineKind.ofClass(name);
    kind =
        found.orElseThrow(
            () ->
                new ModelFormatException(
                    index.file(),
                    "pipeline must be one of "
                        + String.join(", ", PipelineKind.allClasses())
                        + " but is "
                        + Shown.text(name)));
  }

  /**
   * @param frozen whether the model only predicts, so that weights stay in their files
   */
  static TextToImage read(Path directory, boolean frozen) throws IOException {
    PipelineReader reader = new PipelineReader(directory, frozen);
    boolean done = false;
    try {
      TextToImage model = reader.read();
      done = true;
      return model;
    } finally {
      if (!done) {
        reader.closeAll();
      }
    }
  }

  private TextToImage read() throws IOException {
    requireParts();
    requireNumbers();
    SchedulerConfig scheduler = scheduler();
    SchedulerConfig lowRes =
        kind == PipelineKind.UPSCALE ? index.scheduler(LOW_RES_SCHEDULER) : null;
    Provenance provenance = new Provenance(index.provenance());
    TextEncoder encoder = kind.isWithoutText() ? null : encoder();
    Autoencoder autoencoder = autoencoder();
    Path place = index.place(NETWORK, DiffusersFormat.CONFIG);
    SameDiffDenoiser network =
        kept(
            frozen
                ? PretrainedModel.loadFrozenNetwork(place, scheduler)
                : PretrainedModel.loadNetwork(place, scheduler));
    Parts parts =
        new Parts(
            kind,
            String.valueOf(index.pipeline()),
            network,
            encoder,
            autoencoder,
            scheduler,
            lowRes,
            settings());
    try {
      parts.requireFit();
    } catch (IllegalArgumentException e) {
      throw new ModelFormatException(directory, String.valueOf(e.getMessage()), e);
    }
    return new TextToImage(parts, provenance);
  }

  /** Checks the index and that every part has its files, before memory is taken. */
  private void requireParts() throws IOException {
    if (Boolean.TRUE.equals(index.entries().get("requires_aesthetics_score"))) {
      throw new ModelFormatException(
          index.file(), "requires_aesthetics_score must be false but is true, as of a refiner");
    }
    requireConfig(NETWORK);
    requireWeights(NETWORK, DiffusersFormat.WEIGHTS_NAME);
    for (String suffix : encoderSuffixes()) {
      String className =
          index.className(ENCODER + suffix, DiffusersFormat.TEXT_LIBRARY, "CLIPTextModel");
      if (!ENCODERS.contains(className)) {
        throw index.refuse(ENCODER + suffix, DiffusersFormat.TEXT_LIBRARY + ", CLIPTextModel");
      }
      requireConfig(ENCODER + suffix);
      requireWeights(ENCODER + suffix, DiffusersFormat.TEXT_WEIGHTS_NAME);
      index.className(TOKENIZER + suffix, DiffusersFormat.TEXT_LIBRARY, "CLIPTokenizer");
      index.requireFile(directory.resolve(TOKENIZER + suffix).resolve(TokenizerFiles.VOCABULARY));
    }
    if (hasAutoencoder()) {
      requireConfig(kind.autoencoderFolder());
      requireWeights(kind.autoencoderFolder(), DiffusersFormat.WEIGHTS_NAME);
    }
  }

  /** Checks the settings of the pipeline itself that are used. */
  private void requireNumbers() throws ModelFormatException {
    for (Parts.Setting setting : Parts.SETTINGS) {
      Object value = index.entries().get(setting.name());
      if (value != null && !setting.accepts(value)) {
        throw new ModelFormatException(
            index.file(),
            setting.name() + " must be " + setting.requirement() + " but is " + Shown.text(value));
      }
    }
  }

  private void requireConfig(String part) throws IOException {
    if (!index.has(part)) {
      throw index.refuse(part, "library, class");
    }
    index.requireFile(index.place(part, DiffusersFormat.CONFIG).resolve(DiffusersFormat.CONFIG));
  }

  /** Checks that there are weights that can be read. */
  private void requireWeights(String part, String name) throws IOException {
    WeightFiles.of(index.place(part, DiffusersFormat.CONFIG), name);
  }

  private boolean hasAutoencoder() {
    return kind.mustHaveAutoencoder() || index.has(kind.autoencoderFolder());
  }

  /** Of Stable Diffusion XL, refiners have only the second encoder. */
  private List<String> encoderSuffixes() {
    if (kind.isWithoutText()) {
      return List.of();
    }
    if (kind != PipelineKind.STABLE_DIFFUSION_XL) {
      return List.of("");
    }
    return index.has(ENCODER) ? List.of("", SECOND) : List.of(SECOND);
  }

  private TextEncoder encoder() throws IOException {
    List<ClipTextEncoder> encoders = new ArrayList<>();
    for (String suffix : encoderSuffixes()) {
      ClipTokenizer tokenizer = ClipTokenizer.read(directory.resolve(TOKENIZER + suffix));
      Path place = index.place(ENCODER + suffix, DiffusersFormat.CONFIG);
      ClipTextModel model =
          kept(frozen ? ClipTextModel.loadFrozen(place) : ClipTextModel.load(place));
      try {
        encoders.add(ClipTextEncoder.of(tokenizer, model));
      } catch (IllegalArgumentException e) {
        throw new ModelFormatException(place, String.valueOf(e.getMessage()), e);
      }
    }
    if (kind != PipelineKind.STABLE_DIFFUSION_XL) {
      return encoders.get(0);
    }
    try {
      return ClipTextEncoder.xl(encoders);
    } catch (IllegalArgumentException e) {
      throw new ModelFormatException(
          directory.resolve(TOKENIZER + SECOND), String.valueOf(e.getMessage()), e);
    }
  }

  private @Nullable Autoencoder autoencoder() throws IOException {
    if (!hasAutoencoder()) {
      return null;
    }
    Path place = index.place(kind.autoencoderFolder(), DiffusersFormat.CONFIG);
    return kept(frozen ? Autoencoder.loadFrozen(place) : Autoencoder.load(place));
  }

  private SchedulerConfig scheduler() throws IOException {
    SchedulerConfig scheduler = index.scheduler(DiffusersFormat.SCHEDULER);
    return kind.forcesSchedulerSettings() ? ForcedSettings.of(scheduler) : scheduler;
  }

  /** The entries of the index that are no parts, and nulls for the parts that are passed over. */
  private Map<String, @Nullable Object> settings() {
    Set<String> read = new TreeSet<>(Set.of(NETWORK, DiffusersFormat.SCHEDULER));
    for (String suffix : encoderSuffixes()) {
      read.add(ENCODER + suffix);
      read.add(TOKENIZER + suffix);
    }
    if (hasAutoencoder()) {
      read.add(kind.autoencoderFolder());
    }
    if (kind == PipelineKind.UPSCALE) {
      read.add(LOW_RES_SCHEDULER);
    }
    Map<String, @Nullable Object> settings = new TreeMap<>();
    Set<String> passedOver = new TreeSet<>();
    index
        .entries()
        .forEach(
            (name, value) -> {
              if (!name.startsWith("_") && !read.contains(name)) {
                boolean part = value instanceof List<?>;
                settings.put(name, part ? PipelineWriter.ABSENT : value);
                if (part && index.has(name)) {
                  passedOver.add(name);
                }
              }
            });
    if (!passedOver.isEmpty()) {
      LOG.info("{}: parts that are passed over: {}", index.file(), Shown.list(passedOver));
    }
    return settings;
  }

  private <T extends AutoCloseable> T kept(T part) {
    made.add(part);
    return part;
  }

  private void closeAll() {
    for (AutoCloseable part : made) {
      try {
        part.close();
      } catch (Exception e) {
        LOG.warn("a part could not be closed", e);
      }
    }
  }
}
