package org.diffusion4j.micrometer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.diffusion4j.micrometer.Runs.COMPLETES;
import static org.diffusion4j.micrometer.Runs.FAILS;
import static org.diffusion4j.micrometer.Runs.IS_CANCELLED;
import static org.diffusion4j.micrometer.Runs.MODEL;

import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.search.RequiredSearch;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Sampler;
import org.diffusion4j.SamplingCancelledException;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.SamplingResult;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

class SamplingMetersTest {

  private static final SamplingRequest SIX = SamplingRequest.of(6);

  private final MeterRegistry registry = new SimpleMeterRegistry();
  private final SamplingMeters meters = SamplingMeters.of(registry, "digits");

  private RequiredSearch meter(String name) {
    return registry.get("diffusion." + name).tag("model", "digits");
  }

  private double count(String name) {
    return meter(name).counter().count();
  }

  private double gauge(String name) {
    return meter(name).gauge().value();
  }

  @Test
  void runs_completed_areTimedAndTheirSamplesCounted() {
    Sampler sampler = meters.sampler("ddim", COMPLETES);
    for (int i = 0; i < 2; i++) {
      try (SamplingResult result = sampler.sample(MODEL, SIX)) {
        assertThat(result.samples().shape()).containsExactly(6, 2);
      }
    }

    assertThat(meter("sampling.runs").tag("sampler", "ddim").timer().count()).isEqualTo(2);
    assertThat(meter("sampling.runs").timer().totalTime(TimeUnit.NANOSECONDS)).isPositive();
    assertThat(count("sampling.samples")).isEqualTo(12);
    assertThat(count("sampling.cancelled")).isZero();
    assertThat(registry.find("diffusion.sampling.failures").meters()).isEmpty();
  }

  @Test
  void runs_failed_areCountedByException() {
    Sampler sampler = meters.sampler("ddim", FAILS);
    assertThatThrownBy(() -> sampler.sample(MODEL, SIX))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("11");

    assertThat(
            meter("sampling.failures")
                .tags("exception", "IllegalArgumentException", "sampler", "ddim")
                .counter()
                .count())
        .isEqualTo(1);
    assertThat(meter("sampling.runs").timer().count()).isZero();
    assertThat(count("sampling.samples")).isZero();
    assertThat(gauge("sampling.running")).isZero();
  }

  @Test
  void runs_cancelled_areNoFailures() {
    Sampler sampler = meters.sampler("ddim", IS_CANCELLED);
    assertThatThrownBy(() -> sampler.sample(MODEL, SIX))
        .isInstanceOf(SamplingCancelledException.class);

    assertThat(count("sampling.cancelled")).isEqualTo(1);
    assertThat(registry.find("diffusion.sampling.failures").meters()).isEmpty();
    assertThat(meter("sampling.runs").timer().count()).isZero();
    assertThat(gauge("sampling.running")).isZero();
  }

  @Test
  void running_duringARun_isOne() {
    List<Double> seen = new ArrayList<>();
    Sampler looks =
        (model, request) -> {
          seen.add(gauge("sampling.running"));
          return COMPLETES.sample(model, request);
        };
    meters.sampler("ddim", looks).sample(MODEL, SIX).close();

    assertThat(seen).containsExactly(1.0);
    assertThat(gauge("sampling.running")).isZero();
  }

  /** Two samplers of one name share their meters. */
  @Test
  void running_twoSamplersOfOneName_areAddedUp() {
    Sampler inner = meters.sampler("ddim", COMPLETES);
    List<Double> seen = new ArrayList<>();
    Sampler outer =
        meters.sampler(
            "ddim",
            (model, request) -> {
              try (SamplingResult result = inner.sample(model, request)) {
                seen.add(gauge("sampling.running"));
              }
              return COMPLETES.sample(model, request);
            });
    outer.sample(MODEL, SIX).close();

    assertThat(seen).containsExactly(1.0);
    assertThat(meter("sampling.runs").timer().count()).isEqualTo(2);
  }

  @Test
  void denoiser_callsAreTimedAndFailuresCounted() {
    try (SamplingResult result = COMPLETES.sample(meters.denoiser(MODEL), SIX)) {
      assertThat(result.denoiserCalls()).isEqualTo(3);
    }
    assertThat(meter("denoiser.calls").timer().count()).isEqualTo(3);

    Denoiser fails =
        meters.denoiser(
            new Denoiser() {
              @Override
              public NoiseSchedule schedule() {
                return Runs.SCHEDULE;
              }

              @Override
              public long[] sampleShape() {
                return new long[] {2};
              }

              @Override
              public INDArray predict(INDArray xt, INDArray t, Condition condition) {
                throw new IllegalStateException("the model is closed");
              }
            });
    try (INDArray x = Nd4j.zeros(1, 2);
        INDArray t = Nd4j.zeros(1)) {
      assertThatThrownBy(() -> fails.predict(x, t, Condition.none()))
          .isInstanceOf(IllegalStateException.class);
    }
    assertThat(
            meter("denoiser.failures").tag("exception", "IllegalStateException").counter().count())
        .isEqualTo(1);
    assertThat(meter("denoiser.calls").timer().count()).isEqualTo(3);
    assertThat(gauge("denoiser.running")).isZero();
  }

  /** So that a wrapped denoiser says about itself what the other one says. */
  @Test
  void denoiser_passesOnEveryMethod() {
    Comparator<Method> order =
        Comparator.comparing(Method::getName).thenComparing(Method::getParameterCount);
    Set<Method> asked =
        Arrays.stream(Denoiser.class.getMethods())
            .filter(method -> !Modifier.isStatic(method.getModifiers()))
            // What makes another denoiser of this one asks this one for predictions.
            .filter(method -> method.getReturnType() != Denoiser.class)
            .collect(Collectors.toCollection(() -> new TreeSet<>(order)));
    assertThat(asked).hasSizeGreaterThan(5);
    for (Method method : asked) {
      assertThat(Arrays.asList(MeteredDenoiser.class.getDeclaredMethods()))
          .anyMatch(own -> order.compare(own, method) == 0);
    }
  }

  @Test
  void memory_isReadWhenAsked() {
    AtomicLong plans = new AtomicLong();
    meters.memory(() -> 4096, plans::get);
    plans.set(1L << 33);

    assertThat(gauge("memory.weights")).isEqualTo(4096);
    assertThat(gauge("memory.plans")).isEqualTo(8589934592.0);
    assertThat(meter("memory.plans").gauge().getId().getBaseUnit()).isEqualTo("bytes");
  }

  @Test
  void close_removesEveryMeter() {
    meters.memory(() -> 1, () -> 1);
    meters.sampler("ddim", COMPLETES).sample(meters.denoiser(MODEL), SIX).close();
    assertThatThrownBy(() -> meters.sampler("heun", FAILS).sample(MODEL, SIX))
        .isInstanceOf(IllegalArgumentException.class);
    assertThat(registry.getMeters()).hasSizeGreaterThan(10);

    meters.close();
    assertThat(registry.getMeters()).isEmpty();
  }

  @Test
  void documentation_listsEveryMeterWithItsTags() throws IOException {
    meters.memory(() -> 1, () -> 1);
    for (Sampler sampler : List.of(COMPLETES, FAILS, IS_CANCELLED)) {
      try {
        meters.sampler("ddim", sampler).sample(meters.denoiser(MODEL), SIX).close();
      } catch (RuntimeException e) {
        assertThat(e).hasMessageNotContaining("null");
      }
    }
    assertThatThrownBy(() -> meters.denoiser(MODEL).predict(null, null, Condition.none()))
        .isInstanceOf(NullPointerException.class);

    Set<String> rows =
        registry.getMeters().stream()
            .map(Meter::getId)
            .map(
                id ->
                    "| `"
                        + id.getName()
                        + "` | "
                        + id.getType().name().toLowerCase(Locale.ROOT)
                        + " | "
                        + id.getTags().stream()
                            .map(tag -> "`" + tag.getKey() + "`")
                            .collect(Collectors.joining(", "))
                        + " |")
            .collect(Collectors.toCollection(TreeSet::new));
    String page = Files.readString(Path.of("..", "docs", "observation.md"));
    Set<String> documented =
        Pattern.compile("\\| `diffusion\\.(sampling|denoiser|memory)\\.[^|]*\\|[^|]*\\|[^|]*\\|")
            .matcher(page)
            .results()
            .map(MatchResult::group)
            .collect(Collectors.toCollection(TreeSet::new));
    assertThat(documented).isEqualTo(rows);
  }
}
