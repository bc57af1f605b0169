package org.diffusion4j.internal.common;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class MemoryLedgerTest {

  private final AtomicLong free = new AtomicLong(100);
  private final MemoryLedger ledger = new MemoryLedger(free::get);

  @Test
  void claim_ofMoreThanThereIs_isRefusedAtOnce() {
    assertThat(ledger.claim(101)).isEmpty();
    assertThat(ledger.claim(Long.MAX_VALUE)).isEmpty();
    assertThat(ledger.available()).isEqualTo(100);
  }

  @Test
  void available_whileMemoryIsClaimed_isWithoutIt() {
    try (MemoryLedger.Claim claim = ledger.claim(70).orElseThrow()) {
      assertThat(ledger.available()).isEqualTo(30);
      claim.close();
      assertThat(ledger.available()).isEqualTo(100);
    }
    assertThat(ledger.available()).isEqualTo(100);
  }

  @Test
  void claim_whileMemoryIsCountedTwice_waitsAndIsGranted() throws Exception {
    try (MemoryLedger.Claim first = ledger.claim(60).orElseThrow()) {
      free.addAndGet(-60); // The first wrote to its memory, and has not said so.
      CompletableFuture<Boolean> second =
          CompletableFuture.supplyAsync(() -> ledger.claim(40).isPresent());
      first.close();
      assertThat(second.get(30, SECONDS)).isTrue();
    }
  }

  @Test
  void claim_byManyThreads_neverPromisesMoreThanThereIs() throws Exception {
    AtomicLong taken = new AtomicLong();
    AtomicLong most = new AtomicLong();
    ExecutorService pool = Executors.newFixedThreadPool(8);
    try {
      List<Future<?>> futures = new ArrayList<>();
      for (int i = 0; i < 8; i++) {
        futures.add(
            pool.submit(
                () -> {
                  for (int round = 0; round < 200; round++) {
                    try (MemoryLedger.Claim claim = ledger.claim(30).orElseThrow()) {
                      most.accumulateAndGet(taken.addAndGet(30), Math::max);
                      taken.addAndGet(-30);
                    }
                  }
                }));
      }
      for (Future<?> future : futures) {
        future.get();
      }
    } finally {
      pool.shutdownNow();
    }
    assertThat(most.get()).isLessThanOrEqualTo(100);
  }
}
