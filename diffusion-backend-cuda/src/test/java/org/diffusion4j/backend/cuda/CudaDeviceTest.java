package org.diffusion4j.backend.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CudaDeviceTest {

  private static final CudaDevice AMPERE = new CudaDevice("NVIDIA GeForce RTX 3060", 8, 6);
  private static final CudaDevice HOPPER = new CudaDevice("NVIDIA H100 PCIe", 9, 0);

  @ParameterizedTest
  @CsvSource({
    "2,1,false", "3,0,false", "3,5,false", "3,7,true", "5,0,true", "5,2,true", "6,0,true",
    "6,1,true", "7,0,true", "7,5,true", "8,0,true", "8,6,true", "8,9,true", "9,0,false",
    "10,0,false", "12,0,false"
  })
  void isServed_byMachineCodeOfSameMajorAndNoHigherMinor(int major, int minor, boolean served) {
    assertThat(new CudaDevice("any", major, minor).isServed()).isEqualTo(served);
  }

  @Test
  void refusal_ofServedDevices_isEmpty() {
    assertThat(CudaDevice.refusal(List.of(AMPERE, AMPERE))).isEmpty();
  }

  @Test
  void refusal_withoutDevice_namesNeed() {
    assertThat(CudaDevice.refusal(List.of()))
        .hasValue(
            "nd4j-cuda-11.6 cannot run on this machine: no NVIDIA GPU was found, but it needs an"
                + " NVIDIA GPU of compute capability 3.7 or from 5.0 to 8.9 and its driver");
  }

  @Test
  void refusal_ofUnservedDevice_namesIt() {
    assertThat(CudaDevice.refusal(List.of(HOPPER)))
        .hasValue(
            "nd4j-cuda-11.6 cannot run on NVIDIA H100 PCIe (compute capability 9.0): it holds"
                + " machine code for compute capability 3.7 or from 5.0 to 8.9 only");
  }

  @Test
  void refusal_ofOneOfTwoDevices_offersToHideIt() {
    assertThat(CudaDevice.refusal(List.of(AMPERE, HOPPER)))
        .hasValueSatisfying(
            sentence ->
                assertThat(sentence)
                    .contains(
                        "cannot run on NVIDIA H100 PCIe (compute capability 9.0)"
                            + " (CUDA_VISIBLE_DEVICES can hide it): "));
  }
}
