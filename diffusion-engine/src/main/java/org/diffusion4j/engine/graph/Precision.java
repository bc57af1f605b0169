package org.diffusion4j.plan;

import org.bytedeco.dnnl.global.dnnl;

/** What convolutions multiply in; everything else is computed in float. */
public enum Precision {
  /** As the graph says. */
  FLOAT32(dnnl.dnnl_f32),

  /** Products of numbers with 8 bits of precision, added up in float: inference alone. */
  BFLOAT16(dnnl.dnnl_bf16);

  private final int type;

  Precision(int type) {
    this.type = type;
  }

  int type() {
    return type;
  }

  /** Whether this processor computes in it faster than in float. */
  public boolean isFast() {
    return this == FLOAT32
        || (OneDnn.available()
            && (dnnl.dnnl_get_effective_cpu_isa() & dnnl.dnnl_cpu_isa_avx512_core_bf16)
                == dnnl.dnnl_cpu_isa_avx512_core_bf16);
  }
}
