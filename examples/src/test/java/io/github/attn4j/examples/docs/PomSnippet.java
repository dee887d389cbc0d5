package io.github.attn4j.examples.docs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import javax.xml.parsers.DocumentBuilderFactory;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.Node;
import org.w3c.dom.NodeList;
import org.xml.sax.InputSource;

/**
 * Lines of a {@code pom.xml}: what they name must exist in this project, at its version.
 *
 * @param block the block
 */
record PomSnippet(Block block) {
  private static final String GROUP = "io.github.attn4j";

  void check() throws Exception {
    Document snippet =
        parse("<snippet>" + block.text().replaceAll("<\\?xml.*?\\?>", "") + "</snippet>");
    Document project = parse(Files.readString(Page.checkout().resolve("pom.xml")));
    String version = child(project.getDocumentElement(), "version");
    Map<String, String> plugins = versions(project, "plugin");
    for (Element dependency : elements(snippet, "dependency")) {
      if (child(dependency, "groupId").equals(GROUP)) {
        String artifact = child(dependency, "artifactId");
        assertPublished(artifact);
        // Without a version it is the BOM's.
        assertThat(child(dependency, "version")).as("version of %s", artifact).isIn(version, "");
      }
    }
    versions(snippet, "plugin")
        .forEach((plugin, used) ->
            assertThat(used)
                .as("version of %s", plugin)
                .isEqualTo(plugins.getOrDefault(plugin, used)));
    for (Element release : elements(snippet, "maven.compiler.release")) {
      assertThat(release.getTextContent())
          .isEqualTo(
              elements(project, "maven.compiler.release").iterator().next().getTextContent());
    }
  }

  private void assertPublished(String artifact) throws IOException {
    Path pom = Page.checkout().resolve(artifact).resolve("pom.xml");
    assertThat(pom).as("%s names %s", block.place(), artifact).exists();
    assertThat(Files.readString(pom))
        .as("%s is for readers", artifact)
        .contains("<artifactId>" + artifact + "</artifactId>")
        .doesNotContain("<maven.install.skip>true");
  }

  private static Map<String, String> versions(Document document, String kind) {
    Map<String, String> versions = new HashMap<>();
    for (Element element : elements(document, kind)) {
      String version = child(element, "version");
      if (!version.isEmpty()) {
        versions.put(child(element, "artifactId"), version);
      }
    }
    return versions;
  }

  private static Iterable<Element> elements(Document document, String name) {
    NodeList found = document.getElementsByTagName(name);
    return java.util.stream.IntStream.range(0, found.getLength())
        .mapToObj(n -> (Element) found.item(n))
        .toList();
  }

  /** The text of a direct child, or an empty one. */
  private static String child(Element parent, String name) {
    for (Node node = parent.getFirstChild(); node != null; node = node.getNextSibling()) {
      if (node.getNodeName().equals(name)) {
        return node.getTextContent().strip();
      }
    }
    return "";
  }

  private static Document parse(String xml) throws Exception {
    return DocumentBuilderFactory.newInstance()
        .newDocumentBuilder()
        .parse(new InputSource(new StringReader(xml)));
  }
}
