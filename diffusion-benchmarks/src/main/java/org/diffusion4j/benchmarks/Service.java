package org.diffusion4j.benchmarks;

import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import org.bytedeco.javacpp.Pointer;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Sampler;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.samplers.Samplers;
import org.diffusion4j.unet.UNet;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * Answers the requests of many callers with one model, like a web service, and prints the resident
 * memory. Exits with 1 if memory grows by more than 10 % after the first interval.
 */
@Command(
    name = "Service",
    description = "Watches the memory of a service with many callers.",
    mixinStandardHelpOptions = true)
public final class Service implements Callable<Integer> {

  private static final double LIMIT = 1.1;

  @Mixin private NetOptions nets = new NetOptions();

  @Option(
      names = "--callers",
      defaultValue = "20",
      converter = AtLeastOne.class,
      description = "Threads that sample at the same time; default ${DEFAULT-VALUE}.")
  private int callers;

  @Option(
      names = "--concurrency",
      defaultValue = "20",
      converter = AtLeastOne.class,
      description = "Runs at the same time, the other callers wait; default ${DEFAULT-VALUE}.")
  private int concurrency;

  @Option(
      names = "--requests",
      defaultValue = "5000",
      converter = AtLeastOne.class,
      description = "Requests, of 1 to 4 samples; default ${DEFAULT-VALUE}.")
  private int requests;

  @Option(
      names = "--steps",
      defaultValue = "10",
      converter = AtLeastOne.class,
      description = "Steps of a run of DDIM; default ${DEFAULT-VALUE}.")
  private int steps;

  @Option(
      names = "--interval",
      defaultValue = "500",
      converter = AtLeastOne.class,
      description = "Requests between two lines; default ${DEFAULT-VALUE}.")
  private int interval;

  private final PrintStream out;
  private final AtomicInteger done = new AtomicInteger();
  private double first = Double.NaN;
  private double last = Double.NaN;

  private Service(PrintStream out) {
    this.out = out;
  }

  /** Answers the requests and ends the program. */
  public static void main(String[] args) {
    System.exit(Programs.commandLine(new Service(System.out)).execute(args));
  }

  @Override
  public Integer call() throws InterruptedException, ExecutionException {
    Net net = nets.nets().get(0);
    ExecutorService threads = Executors.newFixedThreadPool(callers);
    try (UNet model = UNet.create(net.unet(), NoiseSchedule.linear(1000), 1)) {
      out.printf(
          Locale.ROOT,
          "# %s; %d callers, %d at the same time, ddim with %d steps; %s; limit %d MB%n",
          net,
          callers,
          concurrency,
          steps,
          System.getProperty("java.vm.version"),
          Pointer.maxPhysicalBytes() >> 20);
      long begin = System.nanoTime();
      serve(model, threads);
      out.printf(
          Locale.ROOT,
          "seconds=%.0f peak_mb=%.0f weights_mb=%d plans_mb=%d growth=%+.1f%%%n",
          (System.nanoTime() - begin) / 1e9,
          ResidentMemory.peakMb(),
          model.weightBytes() >> 20,
          model.planBytes() >> 20,
          100 * (last / first - 1));
    } finally {
      threads.shutdown();
    }
    return last > LIMIT * first ? 1 : 0;
  }

  private void serve(UNet model, ExecutorService threads)
      throws InterruptedException, ExecutionException {
    Sampler sampler = Samplers.named("ddim", steps);
    Semaphore permits = new Semaphore(concurrency, true);
    List<Future<?>> answers = new ArrayList<>();
    for (int i = 0; i < requests; i++) {
      SamplingRequest request = SamplingRequest.builder(1 + i % 4).seed(i).build();
      answers.add(
          threads.submit(
              () -> {
                answer(model, sampler, request, permits);
                return null;
              }));
    }
    for (Future<?> answer : answers) {
      answer.get();
    }
  }

  private void answer(UNet model, Sampler sampler, SamplingRequest request, Semaphore permits)
      throws InterruptedException {
    permits.acquire();
    try {
      sampler.sample(model, request).close();
      look(done.incrementAndGet());
    } finally {
      permits.release();
    }
  }

  private synchronized void look(int request) {
    if (request == 1 || request % interval == 0) {
      last = ResidentMemory.currentMb();
      first = request == interval ? last : first;
      out.printf(Locale.ROOT, "requests=%d rss_mb=%.0f%n", request, last);
    }
  }
}
