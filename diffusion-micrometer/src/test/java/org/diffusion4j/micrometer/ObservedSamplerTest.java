package org.diffusion4j.micrometer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.entry;
import static org.diffusion4j.micrometer.Runs.COMPLETES;
import static org.diffusion4j.micrometer.Runs.FAILS;
import static org.diffusion4j.micrometer.Runs.IS_CANCELLED;
import static org.diffusion4j.micrometer.Runs.MODEL;

import io.micrometer.common.KeyValue;
import io.micrometer.common.KeyValues;
import io.micrometer.core.instrument.observation.DefaultMeterObservationHandler;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationHandler;
import io.micrometer.observation.ObservationRegistry;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.diffusion4j.NoiseSource;
import org.diffusion4j.Sampler;
import org.diffusion4j.SamplingCancelledException;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.SamplingResult;
import org.junit.jupiter.api.Test;

class ObservedSamplerTest {

  private final ObservationRegistry registry = ObservationRegistry.create();
  private final List<Observation.Context> stopped = new ArrayList<>();
  private final List<Throwable> errors = new ArrayList<>();

  ObservedSamplerTest() {
    registry
        .observationConfig()
        .observationHandler(
            new ObservationHandler<>() {
              @Override
              public void onError(Observation.Context context) {
                errors.add(context.getError());
              }

              @Override
              public void onStop(Observation.Context context) {
                stopped.add(context);
              }

              @Override
              public boolean supportsContext(Observation.Context context) {
                return true;
              }
            });
  }

  private ObservedSampler observed(Sampler sampler) {
    return ObservedSampler.of(sampler, registry, "ddim", "digits");
  }

  private static Map<String, String> map(KeyValues keys) {
    return keys.stream().collect(Collectors.toMap(KeyValue::getKey, KeyValue::getValue));
  }

  @Test
  void run_completed_isOneObservationWithItsKeys() {
    SamplingRequest request = SamplingRequest.builder(6).seed(-7).build();
    try (SamplingResult result = observed(COMPLETES).sample(MODEL, request)) {
      assertThat(result.samples().size(0)).isEqualTo(6);
    }

    assertThat(stopped).hasSize(1);
    Observation.Context context = stopped.get(0);
    assertThat(context.getName()).isEqualTo("diffusion.sampling");
    assertThat(context.getContextualName()).isEqualTo("sample digits");
    assertThat(map(context.getLowCardinalityKeyValues()))
        .containsOnly(
            entry("diffusion.model", "digits"),
            entry("diffusion.sampler", "ddim"),
            entry("diffusion.outcome", "completed"));
    assertThat(map(context.getHighCardinalityKeyValues()))
        .containsOnly(
            entry("diffusion.count", "6"),
            entry("diffusion.seed", "-7"),
            entry("diffusion.calls", "3"));
    assertThat(errors).isEmpty();
  }

  @Test
  void run_failed_isAnError() {
    assertThatThrownBy(() -> observed(FAILS).sample(MODEL, SamplingRequest.of(1)))
        .isInstanceOf(IllegalArgumentException.class);

    assertThat(errors).hasSize(1).first().isInstanceOf(IllegalArgumentException.class);
    assertThat(map(stopped.get(0).getLowCardinalityKeyValues()))
        .contains(entry("diffusion.outcome", "failed"));
  }

  @Test
  void run_cancelled_isNoError() {
    assertThatThrownBy(() -> observed(IS_CANCELLED).sample(MODEL, SamplingRequest.of(1)))
        .isInstanceOf(SamplingCancelledException.class);

    assertThat(errors).isEmpty();
    assertThat(map(stopped.get(0).getLowCardinalityKeyValues()))
        .contains(entry("diffusion.outcome", "cancelled"));
  }

  @Test
  void run_isTheCurrentObservation() {
    List<String> seen = new ArrayList<>();
    Sampler looks =
        (model, request) -> {
          seen.add(registry.getCurrentObservation().getContext().getName());
          return COMPLETES.sample(model, request);
        };
    observed(looks).sample(MODEL, SamplingRequest.of(1)).close();

    assertThat(seen).containsExactly("diffusion.sampling");
    assertThat(registry.getCurrentObservation()).isNull();
  }

  @Test
  void seed_ofAnotherSourceOfNoise_isNone() {
    SamplingRequest request = SamplingRequest.builder(1).noise(NoiseSource.torch(5)).build();
    observed(COMPLETES).sample(MODEL, request).close();

    assertThat(map(stopped.get(0).getHighCardinalityKeyValues()))
        .contains(entry("diffusion.seed", "none"));
  }

  @Test
  void convention_replacesNamesAndKeys() {
    ObservedSampler sampler =
        observed(COMPLETES)
            .withConvention(
                new ObservedSampler.Convention() {
                  @Override
                  public String getName() {
                    return "images";
                  }

                  @Override
                  public KeyValues getHighCardinalityKeyValues(ObservedSampler.Context context) {
                    return KeyValues.of("n", "" + context.request().count());
                  }
                });
    sampler.sample(MODEL, SamplingRequest.of(3)).close();

    assertThat(stopped.get(0).getName()).isEqualTo("images");
    assertThat(map(stopped.get(0).getHighCardinalityKeyValues())).containsOnly(entry("n", "3"));
  }

  /** What an application gets that makes meters of its observations. */
  @Test
  void meters_ofObservations_haveTheLowKeysAlone() {
    SimpleMeterRegistry meters = new SimpleMeterRegistry();
    registry.observationConfig().observationHandler(new DefaultMeterObservationHandler(meters));
    observed(COMPLETES).sample(MODEL, SamplingRequest.of(1)).close();

    assertThat(meters.get("diffusion.sampling").timer().getId().getTags())
        .extracting(tag -> tag.getKey())
        .contains("diffusion.model", "diffusion.sampler", "diffusion.outcome")
        .doesNotContain("diffusion.seed", "diffusion.count", "diffusion.calls");

    // Both may be used at once: no name is that of another meter with other tags.
    List<String> observed = names(meters);
    SamplingMeters.of(meters, "digits").sampler("ddim", COMPLETES);
    assertThat(names(meters)).hasSizeGreaterThan(observed.size()).doesNotHaveDuplicates();
  }

  private static List<String> names(SimpleMeterRegistry meters) {
    return meters.getMeters().stream().map(meter -> meter.getId().getName()).toList();
  }

  @Test
  void registry_thatObservesNothing_changesNothing() {
    Sampler sampler = ObservedSampler.of(COMPLETES, ObservationRegistry.NOOP, "ddim", "digits");
    try (SamplingResult result = sampler.sample(MODEL, SamplingRequest.of(2))) {
      assertThat(result.samples().size(0)).isEqualTo(2);
    }
  }
}
