package io.github.attn4j.bench.measure;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.attn4j.bench.peer.Work;
import java.util.EnumSet;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** No part of the report comes out empty, and no line is measured that no plan can be made for. */
class SuiteTest {
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void everySectionHasWorkThatExists(boolean quick) {
    List<Suite.Item> items = new Suite(quick, 3).items();
    assertThat(items).doesNotHaveDuplicates().allSatisfy(item -> item.work().spec());
    assertThat(items.stream().map(Suite.Item::section)).containsAll(EnumSet.allOf(Section.class));
    assertThat(items.stream().filter(item -> item.section() == Section.THREADS))
        .extracting(Suite.Item::work)
        .extracting(Work::threads)
        .containsExactly(1, 2, 3);
  }
}
