package org.diffusion4j.pretrained;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Random;
import java.util.concurrent.locks.LockSupport;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.pretrained.PretrainedModel.Provenance;
import org.diffusion4j.unet.Mlp;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Whatever moment a process that saves over a model is killed at, a whole model is there. */
@Tag("slow")
class SaveKillTest {

  private static final int KILLS = 20;

  @TempDir private Path directory;

  /** Saves over one model for ever; each says in its provenance which it is. */
  static final class Saving {

    public static void main(String[] args) throws IOException {
      Path model = Path.of(args[0]);
      long last = Long.parseLong(args[1]);
      try (Mlp network = Mlp.create(new Mlp.Config(2, 4, 1), NoiseSchedule.cosine(10), 1)) {
        PretrainedModel pretrained = PretrainedModel.of(network);
        for (long i = last + 1; true; i++) {
          pretrained.withProvenance(Provenance.unknown().with("number", i)).save(model);
          System.out.println(i);
        }
      }
    }
  }

  @Test
  void load_afterAnyOfManyKills_isTheLastModelThatWasSavedOrTheNext() throws Exception {
    Path model = directory.resolve("model");
    Random random = new Random(3);
    long last = 0;
    for (int kill = 0; kill < KILLS; kill++) {
      Process process = start(model, last);
      try (BufferedReader output = process.inputReader()) {
        last = Long.parseLong(output.readLine());
        LockSupport.parkNanos(random.nextLong(200_000_000));
        process.toHandle().destroyForcibly();
        process.waitFor();
        for (String line = output.readLine(); line != null; line = output.readLine()) {
          last = line.isEmpty() ? last : Long.parseLong(line);
        }
      } finally {
        process.destroyForcibly();
      }
      try (PretrainedModel loaded = PretrainedModel.load(model)) {
        long found = Long.parseLong(loaded.provenance().facts().get("number"));
        assertThat(found).isBetween(last, last + 1);
        last = found;
      }
    }
    assertThat(last).isGreaterThan(KILLS);
  }

  private static Process start(Path model, long last) throws IOException {
    ProcessBuilder builder =
        new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xmx256m",
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            "-cp",
            System.getProperty("java.class.path"),
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            Saving.class.getName(),
            model.toString(),
            Long.toString(last));
    builder.environment().put("OMP_NUM_THREADS", "1");
    builder.redirectError(ProcessBuilder.Redirect.INHERIT);
    return builder.start();
  }
}
