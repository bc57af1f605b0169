package org.diffusion4j.spring;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Objects;
import org.diffusion4j.Denoiser;
import org.diffusion4j.Sampler;
import org.diffusion4j.internal.common.Shown;
import org.diffusion4j.pretrained.PretrainedModel;
import org.diffusion4j.samplers.ClassifierFreeGuidance;
import org.diffusion4j.samplers.Samplers;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Loads models as their settings say. */
final class ModelFactory {

  /** The name of the sampler that a model directory describes. */
  static final String SCHEDULER = "scheduler";

  private static final Logger LOG = LoggerFactory.getLogger(ModelFactory.class);

  private final DiffusionProperties properties;
  private final Instruments.Factory instruments;

  ModelFactory(DiffusionProperties properties, Instruments.Factory instruments) {
    this.properties = properties;
    this.instruments = instruments;
  }

  /**
   * Loads a model.
   *
   * @throws SettingException if a setting is not acceptable, or if the model cannot be loaded and
   *     the application is to fail
   */
  DiffusionModel create(String name) {
    DiffusionProperties.Model settings =
        Objects.requireNonNull(properties.models().get(name), name);
    Settings.require(name, settings);
    Gate gate =
        new Gate(name, settings.concurrency(), settings.queueLimit(), settings.queueTimeout());
    PretrainedModel pretrained;
    try {
      pretrained = load(name, settings.path());
    } catch (SettingException e) {
      if (properties.failFast()) {
        throw e;
      }
      String failure = Objects.requireNonNull(e.getMessage());
      LOG.error("model {} is not loaded: {}", name, failure);
      return new DiffusionModel(
          name, settings, gate, instruments.of(name, gate::waiting), null, failure);
    }
    Instruments measured = instruments.of(name, gate::waiting);
    try {
      DiffusionModel.Loaded loaded = prepare(name, settings, pretrained, measured);
      LOG.info(
          "model {}: {} parameters from {}",
          name,
          pretrained.model().parameterCount(),
          settings.path());
      return new DiffusionModel(name, settings, gate, measured, loaded, null);
    } catch (RuntimeException | Error e) {
      measured.close();
      pretrained.close();
      throw e;
    }
  }

  private static PretrainedModel load(String name, String path) {
    Path directory;
    try {
      directory = Path.of(path).toAbsolutePath();
    } catch (InvalidPathException e) {
      throw new SettingException(name, "path", "must be a path but was " + Shown.text(path), e);
    }
    if (!Files.isDirectory(directory)) {
      throw new SettingException(
          name,
          "path",
          "must be a model directory but there is "
              + (Files.exists(directory) ? "a file at " : "nothing at ")
              + Shown.text(directory, 300),
          null);
    }
    try {
      return PretrainedModel.load(directory);
    } catch (IOException | RuntimeException | LinkageError e) {
      throw new SettingException(name, "path", "cannot be loaded: " + e.getMessage(), e);
    }
  }

  private static DiffusionModel.Loaded prepare(
      String name,
      DiffusionProperties.Model settings,
      PretrainedModel pretrained,
      Instruments measured) {
    int most = pretrained.model().schedule().steps();
    if (settings.steps() > most) {
      throw new SettingException(
          name, "steps", "must be in [1, " + most + "] but was " + settings.steps(), null);
    }
    Sampler sampler;
    try {
      sampler = sampler(settings, pretrained);
    } catch (IllegalArgumentException e) {
      throw new SettingException(name, "sampler", "cannot be used: " + e.getMessage(), e);
    }
    Denoiser denoiser = measured.denoiser(pretrained.model());
    if (settings.guidance() != null) {
      try {
        denoiser = ClassifierFreeGuidance.of(denoiser, settings.guidance());
      } catch (IllegalArgumentException e) {
        throw new SettingException(name, "guidance", "cannot be used: " + e.getMessage(), e);
      }
    }
    requireRoom(name, settings, denoiser);
    return new DiffusionModel.Loaded(
        pretrained, denoiser, measured.sampler(settings.sampler(), sampler));
  }

  /** Requests for a single sample must be possible. */
  private static void requireRoom(
      String name, DiffusionProperties.Model settings, Denoiser denoiser) {
    if (settings.memoryLimit() == null) {
      return;
    }
    long limit = settings.memoryLimit().toBytes();
    long least = denoiser.predictionBytes(1).orElse(0);
    if (limit < least) {
      throw new SettingException(
          name,
          "memory-limit",
          "must be more than the " + least + " bytes of one sample's prediction but was " + limit,
          null);
    }
  }

  private static Sampler sampler(DiffusionProperties.Model settings, PretrainedModel pretrained) {
    return settings.sampler().equals(SCHEDULER)
        ? Samplers.of(pretrained.scheduler(), settings.steps())
        : Samplers.named(
            settings.sampler(), settings.steps(), Samplers.correction(pretrained.scheduler()));
  }
}
