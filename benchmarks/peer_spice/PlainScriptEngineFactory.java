import java.io.Reader;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import javax.script.AbstractScriptEngine;
import javax.script.Bindings;
import javax.script.ScriptContext;
import javax.script.ScriptEngine;
import javax.script.ScriptEngineFactory;
import javax.script.SimpleBindings;

/**
 * Stands for the JavaScript engine that Java lost with version 15.
 *
 * <p>spice-1.0.jar has its finished JSON indented by a script, "result = JSON.stringify(...)", and
 * fails at the very end where no engine is found. This one hands the JSON on as it is.
 */
public final class PlainScriptEngineFactory implements ScriptEngineFactory {
    private static final String NAME = "JavaScript";

    @Override
    public ScriptEngine getScriptEngine() {
        return new Engine(this);
    }

    @Override
    public List<String> getNames() {
        return Arrays.asList(NAME);
    }

    @Override
    public String getEngineName() {
        return NAME;
    }

    @Override
    public String getEngineVersion() {
        return "1";
    }

    @Override
    public String getLanguageName() {
        return NAME;
    }

    @Override
    public String getLanguageVersion() {
        return "1";
    }

    @Override
    public List<String> getExtensions() {
        return Collections.emptyList();
    }

    @Override
    public List<String> getMimeTypes() {
        return Collections.emptyList();
    }

    @Override
    public Object getParameter(String key) {
        return ScriptEngine.NAME.equals(key) ? NAME : null;
    }

    @Override
    public String getMethodCallSyntax(String object, String method, String... arguments) {
        throw new UnsupportedOperationException();
    }

    @Override
    public String getOutputStatement(String text) {
        throw new UnsupportedOperationException();
    }

    @Override
    public String getProgram(String... statements) {
        throw new UnsupportedOperationException();
    }

    private static final class Engine extends AbstractScriptEngine {
        private final ScriptEngineFactory factory;

        Engine(ScriptEngineFactory factory) {
            this.factory = factory;
        }

        @Override
        public Object eval(String script, ScriptContext context) {
            Bindings bindings = context.getBindings(ScriptContext.ENGINE_SCOPE);
            bindings.put("result", bindings.get("jsonString"));
            return bindings.get("result");
        }

        @Override
        public Object eval(Reader script, ScriptContext context) {
            return eval("", context);
        }

        @Override
        public Bindings createBindings() {
            return new SimpleBindings();
        }

        @Override
        public ScriptEngineFactory getFactory() {
            return factory;
        }
    }
}
