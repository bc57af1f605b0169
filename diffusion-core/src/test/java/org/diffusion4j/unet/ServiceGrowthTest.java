package org.diffusion4j.unet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Sampler;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.samplers.Samplers;
import org.diffusion4j.unet.UNetConfig.Block;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * That a service with twenty callers does not grow, though nobody asks for the garbage collector:
 * in a process of its own, whose heap is small and resident from the start. Takes a minute: {@code
 * -Pslow}.
 */
@Tag("slow")
class ServiceGrowthTest {

  private static final Logger LOG = LoggerFactory.getLogger(ServiceGrowthTest.class);
  private static final Path STATUS = Path.of("/proc/self/status");
  private static final int CALLERS = 20;
  private static final int REQUESTS = 5000;
  private static final int EVERY = 500;

  @Test
  void requests_ofTwentyCallers_holdNoMoreMemory() throws Exception {
    assumeTrue(Files.exists(STATUS), "needs Linux");
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx256m",
                "-Xms256m",
                "-XX:+AlwaysPreTouch",
                "-cp",
                System.getProperty("java.class.path"),
                ServiceGrowthTest.class.getName())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    List<Long> resident = new ArrayList<>();
    try (BufferedReader lines = process.inputReader()) {
      lines
          .lines()
          .filter(line -> line.startsWith("resident "))
          .forEach(line -> resident.add(Long.parseLong(line.substring("resident ".length()))));
    }
    assertThat(process.waitFor()).isZero();
    LOG.info("MB after each {} requests: {}", EVERY, resident);

    assertThat(resident).hasSize(REQUESTS / EVERY);
    long early = resident.get(0);
    assertThat(resident.get(resident.size() - 1))
        .as("MB, from %s", resident)
        .isLessThan(early / 10 * 11);
  }

  /** The service. */
  public static void main(String[] args) throws Exception {
    UNetConfig config = Architectures.tiny().downBlocks(Block.PLAIN, Block.ATTENTION).build();
    Sampler sampler = Samplers.named("ddim", 10);
    AtomicInteger done = new AtomicInteger();
    ExecutorService callers = Executors.newFixedThreadPool(CALLERS);
    try (UNet model = UNet.create(config, NoiseSchedule.linear(1000), 1)) {
      List<Future<?>> requests = new ArrayList<>();
      for (int i = 0; i < REQUESTS; i++) {
        SamplingRequest request = SamplingRequest.builder(1 + i % 4).seed(i).build();
        requests.add(
            callers.submit(
                () -> {
                  sampler.sample(model, request).close();
                  if (done.incrementAndGet() % EVERY == 0) {
                    System.out.println("resident " + residentMegabytes());
                  }
                  return null;
                }));
      }
      for (Future<?> request : requests) {
        request.get();
      }
    } finally {
      callers.shutdown();
    }
  }

  private static long residentMegabytes() throws IOException {
    for (String line : Files.readAllLines(STATUS)) {
      if (line.startsWith("VmRSS:")) {
        return Long.parseLong(line.replaceAll("\\D", "")) >> 10;
      }
    }
    throw new IOException(STATUS + " must give VmRSS");
  }
}
