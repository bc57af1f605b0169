package org.diffusion4j.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.diffusion4j.engine.graph.Precision;
import org.diffusion4j.engine.samediff.Goal;

class DivisionTest {

  private static PlanCache.Key key(int size, int threads) {
    return new PlanCache.Key(
        Map.of("x", List.of((long) size)), threads, Goal.forward(List.of("y"), Precision.FLOAT32));
  }

  @Property
  void parts_coverTheBatchInOrder(
      @ForAll @IntRange(min = 1, max = 10_000) int batch,
      @ForAll @IntRange(min = 1, max = 300) int parts,
      @ForAll @IntRange(min = 1, max = 16) int threads) {
    int count = Math.min(batch, parts);
    Division division = Division.of(batch, count, threads, DivisionTest::key);
    int next = 0;
    for (int part = 0; part < count; part++) {
      assertThat(division.from(part)).isEqualTo(next);
      assertThat(division.key(part)).isEqualTo(key(division.size(part), division.openMp()));
      next += division.size(part);
    }
    assertThat(next).isEqualTo(batch);
  }

  @Property
  void workspaces_areEnoughForThePartsThatRunAtOnce(
      @ForAll @IntRange(min = 1, max = 1000) int batch,
      @ForAll @IntRange(min = 1, max = 100) int parts,
      @ForAll @IntRange(min = 1, max = 16) int threads) {
    int count = Math.min(batch, parts);
    Division division = Division.of(batch, count, threads, DivisionTest::key);
    Map<PlanCache.Key, Integer> workspaces = division.workspaces(0);
    for (int start = 0; start < count; start += division.atOnce()) {
      for (PlanCache.Key key : workspaces.keySet()) {
        int used = 0;
        for (int part = start; part < Math.min(count, start + division.atOnce()); part++) {
          used += division.key(part).equals(key) ? 1 : 0;
        }
        assertThat(workspaces.get(key)).isGreaterThanOrEqualTo(used);
      }
    }
  }
}
