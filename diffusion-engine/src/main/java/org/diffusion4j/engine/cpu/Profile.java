package org.diffusion4j.engine.cpu;

import java.util.Comparator;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;
import org.diffusion4j.engine.graph.Node;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Measures the time of all plans by kind of node and logs it at exit. Enabled if the system
 * property {@value #PROPERTY} is true.
 */
final class Profile {

  static final String PROPERTY = "diffusion4j.profile";

  private static final boolean ON = Boolean.getBoolean(PROPERTY);
  private static final Logger LOG = LoggerFactory.getLogger(Profile.class);
  private static final Map<String, Spent> BY_KIND = new ConcurrentHashMap<>();

  static {
    if (ON) {
      Runtime.getRuntime().addShutdownHook(new Thread(Profile::log));
    }
  }

  private Profile() {}

  private record Spent(LongAdder nanos, LongAdder runs) {}

  /** The operation, timed if profiling is enabled. */
  static Runnable timed(Node node, Runnable operation) {
    if (!ON) {
      return operation;
    }
    String name = node.getClass().getName();
    String kind = name.substring(name.lastIndexOf('.') + 1);
    Spent spent = BY_KIND.computeIfAbsent(kind, k -> new Spent(new LongAdder(), new LongAdder()));
    return () -> {
      long start = System.nanoTime();
      operation.run();
      spent.nanos.add(System.nanoTime() - start);
      spent.runs.increment();
    };
  }

  private static void log() {
    BY_KIND.entrySet().stream()
        .sorted(Comparator.comparing(entry -> -entry.getValue().nanos.sum()))
        .forEach(
            entry ->
                LOG.info(
                    "{} ms in {} runs of {}",
                    entry.getValue().nanos.sum() / 1_000_000,
                    entry.getValue().runs.sum(),
                    entry.getKey()));
  }
}
