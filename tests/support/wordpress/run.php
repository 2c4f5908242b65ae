<?php
/**
 * Runs the plug-in without WordPress: the functions of it that the plug-in calls, as its documentation describes them.
 * Reads one JSON object from standard input, {"option": …, "act": …, "given": …}, and writes the outcome as JSON.
 */

error_reporting( E_ALL );
set_error_handler(
	function ( $level, $message, $file, $line ) {
		throw new ErrorException( $message, 0, $level, $file, $line );
	}
);
define( 'ABSPATH', __DIR__ . '/' );

$asked    = json_decode( stream_get_contents( STDIN ), true );
$hooks    = array();
$settings = array( 'fields' => array(), 'errors' => array() );

function esc_attr( $text ) {
	return htmlspecialchars( $text, ENT_QUOTES, 'UTF-8' );
}
function esc_html( $text ) {
	return htmlspecialchars( $text, ENT_QUOTES, 'UTF-8' );
}
function esc_url_raw( $url ) {
	return preg_match( '#^https?://#', $url ) ? preg_replace( '/[^A-Za-z0-9\-~+_.?#=!&;,\/:%@$|*\'()\[\]]/', '', $url ) : '';
}
function __( $text, $domain ) {
	if ( 'unwalled-bridge' !== $domain ) {
		throw new ErrorException( 'another text domain' );
	}
	return $text;
}
function __return_empty_string() {
	return '';
}
function add_action( $hook, $callback ) {
	$GLOBALS['hooks'][ $hook ][] = $callback;
}
function add_shortcode( $name, $callback ) {
	$GLOBALS['hooks'][ "shortcode $name" ][] = $callback;
}
function register_block_type( $folder, $more ) {
	$about = json_decode( file_get_contents( "$folder/block.json" ), true );
	$GLOBALS['hooks'][ "block {$about['name']}" ][] = $more['render_callback'];
}
function get_block_wrapper_attributes() {
	return 'class="wp-block-unwalled-bridge"';
}
function get_option( $name, $otherwise ) {
	return 'unwalled_bridge' === $name ? ( $GLOBALS['asked']['option'] ?? $otherwise ) : $otherwise;
}
function wp_parse_url( $url ) {
	return parse_url( $url );
}
function wp_print_script_tag( $attributes ) {
	echo '<script';
	foreach ( $attributes as $name => $value ) {
		echo ' ' . $name . '="' . esc_attr( $value ) . '"';
	}
	echo "></script>\n";
}
function register_setting( $page, $name, $about ) {
	$GLOBALS['hooks'][ "sanitize $name" ][] = $about['sanitize_callback'];
}
function add_settings_section( $id, $title, $callback, $page ) {
}
function add_settings_field( $id, $title, $callback, $page, $section, $about ) {
	$GLOBALS['settings']['fields'][] = array( $title, $callback, $about );
}
function add_settings_error( $setting, $code, $message ) {
	$GLOBALS['settings']['errors'][] = $code;
}
function add_options_page( $title, $menu, $capability, $page, $callback ) {
	$GLOBALS['hooks'][ "page $capability" ][] = $callback;
}
function settings_fields( $page ) {
	echo '<input type="hidden" name="_wpnonce" value="0">';
}
function do_settings_sections( $page ) {
	foreach ( $GLOBALS['settings']['fields'] as list( $title, $callback, $about ) ) {
		echo '<label for="' . esc_attr( $about['label_for'] ) . '">' . $title . '</label>';
		$callback( $about );
	}
}
function submit_button() {
	echo '<input type="submit">';
}
function selected( $one, $other, $print ) {
	return $one === $other ? ' selected="selected"' : '';
}
function current_user_can( $capability ) {
	if ( 'unfiltered_html' === $capability ) {
		return $GLOBALS['asked']['unfiltered'] ?? true;
	}
	return 'manage_options' === $capability && ( $GLOBALS['asked']['may'] ?? true );
}
function get_admin_page_title() {
	return 'Unwalled';
}
function call( $hook, ...$given ) {
	$found = $GLOBALS['hooks'][ $hook ] ?? array();
	if ( 1 !== count( $found ) ) {
		throw new ErrorException( "$hook has " . count( $found ) . ' callbacks' );
	}
	return $found[0]( ...$given );
}

require $argv[1];

ob_start();
call( 'init' );
call( 'admin_init' );
call( 'admin_menu' );
$value = null;
switch ( $asked['act'] ) {
	case 'shortcode':
		echo call( 'shortcode unwalled_bridge', $asked['given'] );
		call( 'wp_footer' );
		break;
	case 'block':
		echo call( 'block unwalled/bridge', $asked['given'] );
		call( 'wp_footer' );
		break;
	case 'footer':
		call( 'wp_footer' );
		break;
	case 'sanitize':
		$value = call( 'sanitize unwalled_bridge', $asked['given'] );
		break;
	case 'page':
		call( 'page manage_options' );
		break;
}
$written = ob_get_clean();
echo json_encode( array( 'html' => $written, 'value' => $value, 'errors' => $settings['errors'] ) );
