package org.diffusion4j.samplers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.diffusion4j.reference.ReferenceCases.array;
import static org.diffusion4j.reference.ReferenceCases.distance;
import static org.diffusion4j.reference.ReferenceCases.doubles;
import static org.diffusion4j.reference.ReferenceCases.ints;
import static org.diffusion4j.reference.ReferenceCases.json;
import static org.diffusion4j.reference.ReferenceCases.object;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.diffusion4j.Denoiser;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.reference.ReferenceCases;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Every trace of RePaint that the reference implementation recorded. */
class RePaintReferenceTest {

  @TestFactory
  Stream<DynamicTest> callsAndJumps_areThoseOfTheReference() {
    return ReferenceCases.files("schedulers_more/repaint").stream()
        .map(
            file ->
                DynamicTest.dynamicTest(file.getFileName().toString(), () -> check(json(file))));
  }

  @Test
  void bundledCopy_hasTraces() {
    if (System.getProperty("reference.dir") == null) {
      List<Path> files = ReferenceCases.files("schedulers_more/repaint");
      assertThat(files).hasSizeGreaterThanOrEqualTo(3);
    }
  }

  /** A result of the reference: of a step, or of the jump before it. */
  private record Expected(Map<?, ?> call, double tolerance) {

    void requireEqual(INDArray actual, String key, String what) {
      INDArray expected = array(call.get(key), actual.shape());
      assertThat(distance(actual, expected)).as(what).isLessThanOrEqualTo(tolerance);
    }
  }

  private static void check(Map<String, Object> json) {
    SchedulerConfig config =
        new SchedulerConfig((String) json.get("scheduler_class"), object(json, "scheduler_config"));
    double[] scale = doubles(json.get("prev_sample_max_abs"));
    double[] rounding = doubles(json.get("f32_vs_f64_max_abs_diff"));
    List<?> calls = (List<?>) json.get("calls");
    List<Expected> steps = new ArrayList<>();
    List<Expected> inputs = new ArrayList<>();
    List<Object> noises = new ArrayList<>();
    for (int k = 0; k < calls.size(); k++) {
      Map<?, ?> call = (Map<?, ?>) calls.get(k);
      noises.addAll((List<?>) call.get("noises"));
      if (call.get("call").equals("step")) {
        steps.add(new Expected(call, 2e-5 * Math.max(1, scale[k]) + 10 * rounding[k]));
        if (k + 1 < calls.size()) {
          inputs.add(null);
        }
      } else {
        inputs.set(
            inputs.size() - 1, new Expected(call, 2e-5 * Math.max(1, scale[k]) + 10 * rounding[k]));
      }
    }

    long[] shape = Arrays.stream(ints(json.get("shape"))).asLongStream().toArray();
    DummyDenoiser dummy = DummyDenoiser.of(config, Arrays.copyOfRange(shape, 1, shape.length));
    int[] asked = {0};
    Denoiser model =
        FunctionDenoiser.of(
            config.schedule(),
            (x, t, condition) -> {
              int k = asked[0]++;
              assertThat(t.getDouble(0)).isEqualTo(number(steps.get(k).call().get("t")));
              if (k > 0 && inputs.get(k - 1) != null) {
                inputs.get(k - 1).requireEqual(x, "prev_sample", "jump before step " + k);
              }
              return dummy.predict(x, t, condition);
            },
            dummy.sampleShape());
    Iterator<Object> next = noises.iterator();
    SamplingRequest request =
        SamplingRequest.builder((int) shape[0])
            .start(array(json.get("x_T"), shape))
            .known(array(json.get("original_image"), shape), array(json.get("mask"), shape))
            .noise(() -> (first, n) -> size -> array(next.next(), size))
            .listener(
                step -> {
                  Expected expected = steps.get(step.index());
                  expected.requireEqual(step.x(), "prev_sample", "x of step " + step.index());
                  INDArray x0 = array(expected.call().get("pred_original_sample"), shape);
                  assertThat(distance(step.x0(), x0))
                      .isLessThan(2e-4 * Math.max(1, x0.amaxNumber().doubleValue()));
                })
            .build();
    Samplers.repaint(
            config, ((Number) json.get("num_inference_steps")).intValue(), number(json.get("eta")))
        .withJumps(
            ((Number) json.get("jump_length")).intValue(),
            ((Number) json.get("jump_n_sample")).intValue())
        .sample(model, request)
        .close();
    assertThat(asked[0]).isEqualTo(steps.size());
    assertThat(next).isExhausted();
  }

  private static double number(Object value) {
    return ((Number) value).doubleValue();
  }
}
