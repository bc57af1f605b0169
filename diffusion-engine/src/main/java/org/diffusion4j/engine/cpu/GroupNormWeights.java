package org.diffusion4j.engine.cpu;

import java.nio.FloatBuffer;
import org.diffusion4j.engine.graph.GroupNorm;
import org.jspecify.annotations.Nullable;

/** A group norm's weights for a sample: gamma and beta with scale and shift applied. */
final class GroupNormWeights {

  final float[] gamma;
  final float[] beta;
  private final int channels;
  private final float[] row;
  private final FloatBuffer gammas;
  private final FloatBuffer betas;
  private final @Nullable FloatBuffer scales;
  private final @Nullable FloatBuffer shifts;

  GroupNormWeights(CpuWorkspace workspace, GroupNorm.Inputs in) {
    channels = Math.toIntExact(in.gamma().length());
    gamma = new float[channels];
    beta = new float[channels];
    row = new float[channels];
    gammas = workspace.floats(in.gamma());
    betas = workspace.floats(in.beta());
    scales = workspace.floatsOrNull(in.scale());
    shifts = workspace.floatsOrNull(in.shift());
  }

  void load(int sample) {
    gammas.get(0, gamma);
    betas.get(0, beta);
    if (scales != null && shifts != null) {
      scales.get(sample * channels, row);
      for (int c = 0; c < channels; c++) {
        gamma[c] *= row[c];
        beta[c] *= row[c];
      }
      shifts.get(sample * channels, row);
      for (int c = 0; c < channels; c++) {
        beta[c] += row[c];
      }
    }
  }
}
