package org.diffusion4j.training;

import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.function.ObjLongConsumer;
import org.diffusion4j.CancelToken;
import org.diffusion4j.engine.cpu.Workers;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.jspecify.annotations.Nullable;

/** The settings of a trainer. */
record Settings(
    SameDiffDenoiser model,
    Optimizer optimizer,
    Loss loss,
    Corruption corruption,
    double maxGradientNorm,
    int accumulation,
    double ema,
    double labelDropout,
    @Nullable Checkpoints checkpoints,
    @Nullable Validation validation,
    @Nullable Preview preview,
    @Nullable CancelToken cancelToken,
    DiffusionTrainer.@Nullable Peers peers,
    long seed) {

  /** The preview function and how often it is called. */
  record Preview(int everySteps, ObjLongConsumer<SameDiffDenoiser> show) {

    Preview {
      Objects.requireNonNull(show, "preview");
      if (everySteps < 1) {
        throw new IllegalArgumentException(
            "steps between previews must be at least 1 but were " + everySteps);
      }
    }
  }

  /** The settings that the weights depend on, by name. */
  Map<String, String> described() {
    Map<String, String> described = new TreeMap<>();
    described.put("optimizer", optimizer.toString());
    described.put("loss", loss.toString());
    described.put("corruption", corruption.toString());
    described.put("max gradient norm", Double.toString(maxGradientNorm));
    described.put("accumulation", Integer.toString(accumulation));
    described.put("ema decay", Double.toString(ema));
    described.put("label dropout", Double.toString(labelDropout));
    described.put("seed", Long.toString(seed));
    described.put("threads", Integer.toString(Workers.shared().threads()));
    return described;
  }
}
