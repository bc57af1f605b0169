package org.diffusion4j.text;

import java.util.Set;
import org.diffusion4j.SchedulerConfig;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The settings that diffusers changes when it makes a Stable Diffusion pipeline: {@code
 * steps_offset} becomes 1 and {@code clip_sample} false, because directories of early releases have
 * other values by mistake.
 */
final class ForcedSettings {

  private static final Logger LOG = LoggerFactory.getLogger(ForcedSettings.class);

  private static final String OFFSET = "steps_offset";
  private static final String CLIP = "clip_sample";

  /** The classes without an offset. */
  private static final Set<String> WITHOUT_OFFSET = Set.of("DPMSolverSinglestepScheduler");

  /** The classes that clip by default. */
  private static final Set<String> CLIPPING =
      Set.of("DDPMScheduler", "DDIMScheduler", "DDIMInverseScheduler");

  private ForcedSettings() {}

  static SchedulerConfig of(SchedulerConfig given) {
    SchedulerConfig forced = given;
    boolean hasOffset =
        given.settings().containsKey(OFFSET) || !WITHOUT_OFFSET.contains(given.className());
    if (hasOffset && given.integer(OFFSET, 0) != 1) {
      forced = forced.with(OFFSET, 1L);
    }
    if (given.flag(CLIP, CLIPPING.contains(given.className()))) {
      forced = forced.with(CLIP, false);
    }
    if (!forced.equals(given)) {
      LOG.info("{}: steps_offset is set to 1 and clip_sample to false", given.className());
    }
    return forced;
  }
}
