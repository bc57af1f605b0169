package org.diffusion4j.spring;

import java.time.Duration;
import org.diffusion4j.internal.common.Shown;
import org.diffusion4j.samplers.Samplers;

/** The requirements of settings that can be checked without the model. */
final class Settings {

  private Settings() {}

  /**
   * @throws SettingException if a setting is not acceptable
   */
  static void require(String name, DiffusionProperties.Model settings) {
    if (settings.path().isBlank()) {
      throw new SettingException(name, "path", "must be set", null);
    }
    requireSampler(name, settings.sampler());
    requireAtLeast(name, "steps", 1, settings.steps());
    if (settings.guidance() != null && !(settings.guidance() >= 0)) {
      throw new SettingException(
          name, "guidance", "must be at least 0 but was " + settings.guidance(), null);
    }
    requireAtLeast(name, "max-samples", 1, settings.maxSamples());
    if (settings.memoryLimit() != null) {
      requireAtLeast(name, "memory-limit", 1, settings.memoryLimit().toBytes());
    }
    requireAtLeast(name, "concurrency", 1, settings.concurrency());
    requireAtLeast(name, "queue-limit", 0, settings.queueLimit());
    requireNotNegative(name, "queue-timeout", settings.queueTimeout());
  }

  private static void requireSampler(String name, String sampler) {
    if (sampler.equals(ModelFactory.SCHEDULER)) {
      return;
    }
    try {
      Samplers.named(sampler, 1);
    } catch (IllegalArgumentException e) {
      throw new SettingException(
          name,
          "sampler",
          "must be scheduler or one of "
              + String.join(", ", Samplers.names())
              + " but was "
              + Shown.text(sampler),
          e);
    }
  }

  private static void requireAtLeast(String name, String property, long least, long value) {
    if (value < least) {
      throw new SettingException(
          name, property, "must be at least " + least + " but was " + value, null);
    }
  }

  private static void requireNotNegative(String name, String property, Duration value) {
    if (value.isNegative()) {
      throw new SettingException(name, property, "must not be negative but was " + value, null);
    }
  }
}
